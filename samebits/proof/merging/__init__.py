"""How git merges dvc.lock and metrics: stage by stage."""
