"""Tables that lie elsewhere: s3://, https:// and the like, read by fsspec for DuckDB."""

import duckdb

from samebits.errors import UserError


def register(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Teach a connection to read `source` if it is a URL; credentials come from the usual environment variables."""
    protocol, found, _ = source.partition("://")
    if not found:
        return
    import fsspec  # not needed for files

    try:
        connection.register_filesystem(fsspec.filesystem(protocol))
    except (ImportError, ValueError) as error:
        raise UserError(f"data.source {source}: {error}") from None
