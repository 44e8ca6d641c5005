"""A table of any size, through SQL."""
