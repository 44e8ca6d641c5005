"""What `make` calls; no part of the package."""
