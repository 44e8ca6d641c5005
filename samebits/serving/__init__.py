"""Rows in, predictions out."""
