"""The proof: whether a commit describes its outputs."""
