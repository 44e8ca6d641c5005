"""Which codes to choose."""
