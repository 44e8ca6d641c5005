"""What a linear model is, and how it is stored."""
