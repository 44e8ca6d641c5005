"""Readers of file formats, a small file each."""
