"""Whether dvc.lock is the record of a tree, told without a run."""
