"""The body of a request: bounded in size, in time, after inflation, and together with those of all other clients."""

import asyncio
import zlib
from collections.abc import Mapping

from starlette.requests import ClientDisconnect
from starlette.types import Receive

from samebits.serving.connection import BODY_SECONDS
from samebits.serving.protocol import MAX_BODY
from samebits.serving.tensors import RefusedError

SMALL = 2**16  # bytes of a body or an answer that always has a place, whatever other clients send
MAX_HELD = 2**26  # bytes of all larger ones that a process holds at once
CODINGS = {b"gzip": (31,), b"x-gzip": (31,), b"deflate": (15, -15)}  # wbits of zlib; some send deflate without a header


class Held:
    """The bytes that a process holds for its clients, small bodies and answers left out."""

    bytes = 0


class Share:
    """What one request holds of them, within a `with`."""

    def __init__(self, held: Held) -> None:
        self.held, self.bytes = held, 0

    def __enter__(self) -> "Share":
        return self

    def __exit__(self, *_: object) -> None:
        self.held.bytes -= self.bytes

    def take(self, size: int) -> None:
        """Say how many bytes the request holds now. Raises RefusedError, status 503, if all together were too many."""
        more = (size if size > SMALL else 0) - self.bytes
        if more > 0 and self.held.bytes + more > MAX_HELD:
            raise RefusedError("the server holds too many large requests now; send it again", 503)
        self.held.bytes += more
        self.bytes += more


async def read(receive: Receive, headers: Mapping[bytes, bytes], share: Share) -> bytearray:
    """The body of a request as it arrives, at most MAX_BODY bytes. Raises RefusedError."""
    if (number(headers, "Content-Length") or 0) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                body += message["body"]
                if len(body) > MAX_BODY:
                    raise _too_large()
                share.take(len(body))
                if not message["more_body"]:
                    return body
    except TimeoutError:
        raise RefusedError(f"no whole request within {BODY_SECONDS} seconds", 408) from None


def coding(headers: Mapping[bytes, bytes]) -> bytes:
    """How the body is compressed: `identity`, or one of CODINGS. Raises RefusedError."""
    name = headers.get(b"content-encoding", b"identity").lower()
    if name != b"identity" and name not in CODINGS:
        raise RefusedError("send the body as it is, or compressed by gzip or deflate", 415)
    return name


def inflated(body: bytearray, coding: bytes) -> bytes:
    """A body of this coding as it was before, at most MAX_BODY bytes. Raises RefusedError."""
    for wbits in CODINGS[coding]:
        inflater = zlib.decompressobj(wbits)
        try:
            content = inflater.decompress(body, MAX_BODY + 1)
        except zlib.error:
            continue
        if len(content) > MAX_BODY:
            raise _too_large()
        if inflater.eof and not inflater.unused_data:
            return content
    raise RefusedError(f"the body is not {coding.decode()}, or not all of it")


def number(headers: Mapping[bytes, bytes], name: str) -> int | None:
    """A header that is a number of bytes, None where it is not there. Raises RefusedError."""
    if (value := headers.get(name.lower().encode())) is None:
        return None
    if not value.isdigit() or len(value) > 18:
        raise RefusedError(f"{name} must be a number of bytes")
    return int(value)


def _too_large() -> RefusedError:
    return RefusedError(f"more than {MAX_BODY} bytes; send fewer rows at once", 413)
