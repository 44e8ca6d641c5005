"""The subcommands, a file each: `add_arguments` says what one takes, `run` does it and returns the exit status."""
