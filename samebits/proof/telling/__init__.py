"""Verdicts and reports as people and tools read them."""
