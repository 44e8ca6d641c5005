"""A connection whose request headers are bounded in size and in time, which uvicorn's own are not."""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER = 2**15  # bytes of a request line and its header
HEADER_SECONDS = 5  # for a client to send them

TOO_LARGE = "431 Request Header Fields Too Large"
TOO_LATE = "408 Request Timeout"


class BoundedConnection(HttpToolsProtocol):
    """HTTP/1.1 by httptools. Answers 431 or 408 and closes where a header is too large or takes too long."""

    _in_header = True
    _size = 0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first header."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEADER_SECONDS, self._refuse, TOO_LATE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless an unfinished header has grown too large."""
        waiting = self._in_header
        super().data_received(data)
        if waiting and self._in_header:
            self._size += len(data)
            if self._size > MAX_HEADER and not self.transport.is_closing():
                self._refuse(TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin with a header, the first one or a later one of the connection."""
        super().on_message_begin()
        self._in_header, self._size = True, 0
        if not self._timer:
            self._timer = self.loop.call_later(HEADER_SECONDS, self._refuse, TOO_LATE)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the header, if the whole is not too large, however few pieces it came in."""
        self._size += len(name) + len(value)
        if self._size > MAX_HEADER:
            self._refuse(TOO_LARGE)
            raise httptools.HttpParserError("header too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Answer the request."""
        self._in_header = False
        self._stop()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Say that a request was none, unless it was refused already."""
        if not self.transport.is_closing():
            super().send_400_response(msg)

    def _refuse(self, status: str) -> None:
        self._stop()
        self.transport.write(f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
        self.transport.close()

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
