"""One reader a format of documents."""
