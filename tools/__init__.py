"""Scripts for `make`; not part of the package."""
