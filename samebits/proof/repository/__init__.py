"""What a DVC repository holds: its stages, what they promise, which bytes are available."""
