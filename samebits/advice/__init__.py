"""What to do with a table: how its columns are read, and which become features. It writes params.yaml."""
