"""Are the numbers in a text those of the run? What a README quotes, against the values of this commit and before."""
