"""What statistics says of an exact fit: standard errors, tests, intervals, each number rounded once."""
