"""A DVC repository of one's own: a table, the pipeline, a check of each commit."""
