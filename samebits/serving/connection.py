"""A connection on which each wait for the client has an end; on uvicorn's own, only the one for its next request has.

These are the waits for a header, for the rest of a body that was refused, for the next request, and for the client to
read its answer. `bodies` bounds the wait for a body that is read.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEADER = 2**15  # bytes of a request line and its header
HEADER_SECONDS = 5  # for a client to send them
BODY_SECONDS = 30  # for a client to send its body
WRITE_SECONDS = 30  # for a client to read its answer
LINGER_SECONDS = 2  # after SIGTERM, for a request that is on its way

BAD = "400 Bad Request"
TOO_LONG = "414 URI Too Long"
TOO_LARGE = "431 Request Header Fields Too Large"
TOO_LATE = "408 Request Timeout"


class BoundedConnection(HttpToolsProtocol):
    """HTTP/1.1 by httptools, which refuses a header that is too large or too late, and drains after SIGTERM."""

    _in_header = True
    _unfinished = 0  # bytes of a header that is not complete, as they arrived
    _finished = 0  # bytes of its target and its complete lines
    _ended = False  # whether the bytes that just arrived ended a request
    _data = b""  # what just arrived
    _draining = False
    _timer: asyncio.TimerHandle | None = None  # of what the client must send
    _reading: asyncio.TimerHandle | None = None  # of what the client must read

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first header."""
        super().connection_made(transport)
        self._wait(HEADER_SECONDS, self._refuse, TOO_LATE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._stop()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came, unless an unfinished header has grown too large."""
        waited, self._ended, self._data = self._in_header, False, data
        super().data_received(data)
        if self.transport.is_closing():
            return
        if waited and self._in_header and not self._ended:  # else, part of it belongs to another request
            self._unfinished += len(data)
            if self._unfinished > MAX_HEADER:
                self._refuse(TOO_LARGE)
        if not (self._timer or self.timeout_keep_alive_task) and self._is_idle():
            self._wait_for_next(self.timeout_keep_alive)

    def on_message_begin(self) -> None:
        """Begin with a header, the first one or a later one of the connection."""
        super().on_message_begin()
        self._in_header, self._unfinished, self._finished = True, 0, 0
        if not self._timer:
            self._wait(HEADER_SECONDS, self._refuse, TOO_LATE)

    def on_url(self, url: bytes) -> None:
        """Take a part of the target, if the whole is not too long."""
        self._take(len(url), TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a line of the header, if the whole is not too large."""
        self._take(len(name) + len(value), TOO_LARGE)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Answer the request; after SIGTERM, it is the last one of its connection."""
        self._in_header = False
        self._stop()
        if self.parser.should_upgrade():
            return  # `_unsupported_upgrade_warning` follows
        super().on_headers_complete()
        if self._draining:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Know that what follows belongs to the next request."""
        self._ended = True
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def _unsupported_upgrade_warning(self) -> None:
        """Answer as if no upgrade were asked for, as Java's client does with each request; uvicorn drops its body."""
        if (method := self.parser.get_method()) == b"CONNECT":
            self._refuse(BAD)
            return
        end = cast(httptools.HttpParserUpgrade, sys.exception()).args[0]
        lines = [b"%s: %s\r\n" % (name, value) for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        super().data_received(b"%s %s HTTP/1.1\r\n%s\r\n" % (method, self.url, b"".join(lines)) + self._data[end:])

    def on_response_complete(self) -> None:
        """Wait for the next request, but not for ever for the rest of this one, or until its answer is read."""
        super().on_response_complete()
        if self.transport.is_closing():
            self._wait(WRITE_SECONDS, self.transport.abort)
        elif self._is_idle() and self.cycle.more_body:
            self._wait(BODY_SECONDS, self.transport.abort)

    def pause_writing(self) -> None:
        """Wait until the client has read what is ready for it."""
        super().pause_writing()
        self._reading = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Wait no more: it has read most of it."""
        super().resume_writing()
        if self._reading:
            self._reading.cancel()
            self._reading = None

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that waits for its next request, but not before its last answer is read."""
        if self.transport.get_write_buffer_size():
            self.timeout_keep_alive_task = self.loop.call_later(WRITE_SECONDS, self.transport.abort)
        else:  # after a look at what has arrived by now
            self.timeout_keep_alive_task = self.loop.call_later(0.001, super().timeout_keep_alive_handler)

    def shutdown(self) -> None:
        """After SIGTERM: say with the next answer that the connection closes, and wait a little for its request."""
        self._draining = True
        self.timeout_keep_alive = LINGER_SECONDS
        if self._is_idle():
            self._unset_keepalive_if_required()
            self._wait_for_next(LINGER_SECONDS)
        elif not self.cycle.response_started:
            self.cycle.keep_alive = False

    def send_400_response(self, msg: str) -> None:
        """Say that a request was none, unless it was refused already."""
        if not self.transport.is_closing():
            self._refuse(BAD)

    def _is_idle(self) -> bool:
        return not self.cycle or self.cycle.response_complete

    def _take(self, size: int, too_large: str) -> None:
        self._finished += size
        if self._finished > MAX_HEADER:
            self._refuse(too_large)
            raise httptools.HttpParserError("header too large")

    def _refuse(self, status: str) -> None:
        self._stop()
        if not self._is_idle() and (self.pipeline or self.cycle.response_started or not self.cycle.more_body):
            self.cycle.keep_alive = False  # an answer is due before; this one would be taken for it
            self.flow.pause_reading()
            return
        error = json.dumps({"error": status.partition(" ")[2]}).encode()
        head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(error)}\r\n"
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + error)
        self.transport.close()

    def _wait_for_next(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _wait(self, seconds: float, then: Callable[..., Any], *arguments: str) -> None:
        self._stop()
        self._timer = self.loop.call_later(seconds, then, *arguments)

    def _stop(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
