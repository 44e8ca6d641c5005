"""Tables that lie elsewhere: s3://, gs://, https:// and the like, read by fsspec for DuckDB."""

import datetime
import threading
from typing import IO, Any

import duckdb

from samebits.errors import UserError


def register(connection: duckdb.DuckDBPyConnection, source: str) -> None:
    """Teach a connection to read `source` if it is a URL; credentials come from the usual environment variables."""
    protocol, is_url, _ = source.partition("://")
    if not is_url or connection.filesystem_is_registered(protocol):
        return
    import fsspec  # not needed for files

    try:
        filesystem = fsspec.filesystem(protocol, skip_instance_cache=True)
    except (ImportError, ValueError) as error:
        raise UserError(f"data.source {source}: {error}") from None
    opened = filesystem.open
    # DuckDB knows what to read next, better than a cache of fsspec
    filesystem.open = lambda path, mode: _File(opened(path, mode, cache_type="none"))
    if protocol in ("http", "https"):
        filesystem.modified = _unknown_time
    connection.register_filesystem(filesystem)


class _File:
    """A file that threads read at once: for each it has another position. DuckDB moves to a position, then reads."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._lock, self._of_thread = file, threading.Lock(), threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def seek(self, position: int) -> None:
        self._of_thread.position = position

    def read(self, size: int) -> bytes:
        position = getattr(self._of_thread, "position", 0)
        with self._lock:
            self._file.seek(position)
            content = self._file.read(size)
        self._of_thread.position = position + len(content)
        return content


def _unknown_time(path: str) -> datetime.datetime:
    """When a file was written; DuckDB asks, but HTTP need not tell."""
    return datetime.datetime.fromtimestamp(0, datetime.UTC)
