"""Hidden inputs: each stage with only what it declares, in other surroundings."""
