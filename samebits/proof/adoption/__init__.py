"""What a repository needs for its first check, told before anything runs."""
