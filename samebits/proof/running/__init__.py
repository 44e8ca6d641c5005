"""Running the stages of a commit: the only room that touches the world."""
