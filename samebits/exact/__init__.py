"""From exact moments to the one solution."""
