"""What a run obtained against what the commit promises."""
