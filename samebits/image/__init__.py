"""The image of the model: built, tested, pushed, verified."""
