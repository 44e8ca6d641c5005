"""The server: the Open Inference Protocol, metrics and a page for people, over one model."""

import asyncio
import time
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from samebits.model.predictor import Predictor
from samebits.serving import page, protocol
from samebits.serving.counters import Counters
from samebits.serving.protocol import (
    INPUT,
    JSON_BYTES,
    MAX_BODY,
    OUTPUT,
    InferenceRequest,
    InferenceResponse,
    InvalidRequestError,
)

BODY_SECONDS = 30  # for a client to send its request
MODEL = "/v2/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"


class Error(BaseModel):
    """What is wrong."""

    error: str


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """The model can be asked."""

    ready: bool


class ServerMetadata(BaseModel):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """A tensor that goes in or comes out; -1 is any number of rows."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, Any] = {}


class ModelMetadata(BaseModel):
    """What the model is."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    parameters: dict[str, Any]


class Server:
    """The ASGI application. The version of the model is its commit, shortened."""

    def __init__(self, predictor: Predictor, name: str) -> None:
        self.predictor, self.name = predictor, name
        self.version = (predictor.commit or "unknown")[:12]
        self.counters = Counters()
        places = (MODEL, VERSION)  # by the path of a request, the path of its route
        self.infers = {f"{each}/infer".format(name=name, version=self.version): f"{each}/infer" for each in places}
        self.api = self._api()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and count it."""
        if scope["type"] != "http":
            await self.api(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        infers = self.infers.get(scope["path"]) if scope["method"] == "POST" else None
        try:
            if infers:  # through FastAPI's routing it would take half as long again
                response = await self._infer(Request(scope, receive))
                await response(scope, receive, counted)
            else:
                await self.api(scope, receive, counted)
        finally:
            route = infers or str(getattr(scope.get("route"), "path", "unknown"))
            self.counters.answered(route, status, time.perf_counter() - start)

    async def _infer(self, request: Request) -> Response:
        headers = dict(request.scope["headers"])
        try:
            body = await _body(request, headers)
            asked, X = protocol.decode(body, _number(headers, JSON_BYTES), self.predictor.features)
            y = self.predictor.predict(X)
            if not np.isfinite(y).all():
                raise InvalidRequestError(f"row {int(np.isfinite(y).argmin()) + 1}: the prediction is beyond float64")
        except InvalidRequestError as problem:
            return JSONResponse({"error": str(problem)}, problem.status)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        self.counters.predicted(len(X), int(self.predictor.outside(X).sum()))
        content, json_bytes = protocol.encode(asked, y, self.name, self.version)
        if json_bytes is None:
            return Response(content, media_type="application/json")
        return Response(content, headers={JSON_BYTES: str(json_bytes)}, media_type="application/octet-stream")

    def _api(self) -> FastAPI:
        """The other routes, and the description of all in OpenAPI."""
        api = FastAPI(title="samebits", version=self.version, docs_url=None, redoc_url=None)
        not_found: dict[int | str, dict[str, Any]] = {404: {"model": Error}}
        problems: dict[int | str, dict[str, Any]] = {status: {"model": Error} for status in (400, 408, 413, 415, 422)}
        schema = InferenceRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = schema.pop("$defs")
        html = page.render(self.name, self.predictor)

        Name = Annotated[str, Path(json_schema_extra={"enum": [self.name]})]
        Version = Annotated[str, Path(json_schema_extra={"enum": [self.version]})]

        async def known(name: Name) -> None:
            if name != self.name:
                raise HTTPException(404, f"no model {name!r}; there is {self.name!r}")

        async def known_version(name: Name, version: Version) -> None:
            await known(name)
            if version != self.version:
                raise HTTPException(404, f"no version {version!r} of {name!r}; there is {self.version!r}")

        @api.exception_handler(AnyHTTPException)
        async def problem(_: Request, error: AnyHTTPException) -> Response:
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)

        @api.get("/", include_in_schema=False)
        async def index() -> Response:
            return HTMLResponse(html.text, headers={"Content-Security-Policy": html.policy})

        @api.get("/metrics", response_class=PlainTextResponse)
        def metrics() -> Response:
            return PlainTextResponse(self.counters.text(), media_type=CONTENT_TYPE_LATEST)

        @api.get("/v2")
        async def server_metadata() -> ServerMetadata:
            return ServerMetadata(name="samebits", version=self.version, extensions=["binary_tensor_data"])

        @api.get("/v2/health/live")
        async def live() -> Live:
            return Live(live=True)

        @api.get("/v2/health/ready")
        async def ready() -> Ready:
            return Ready(ready=True)

        async def model_metadata() -> ModelMetadata:
            features, info = self.predictor.features, self.predictor.info()
            rows = TensorMetadata(
                name=INPUT, datatype="FP64", shape=[-1, len(features)], parameters={"features": features}
            )
            predictions = TensorMetadata(name=OUTPUT, datatype="FP64", shape=[-1, 1])
            return ModelMetadata(
                name=self.name,
                versions=[self.version],
                platform="samebits",
                inputs=[rows],
                outputs=[predictions],
                parameters=info,
            )

        async def model_ready() -> Ready:
            return Ready(ready=True)

        async def infer(request: Request) -> Response:
            return await self._infer(request)

        takes = {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
        for place, check in ((MODEL, known), (VERSION, known_version)):
            is_known = [Depends(check)]
            api.get(place, dependencies=is_known, responses=not_found)(model_metadata)
            api.get(f"{place}/ready", dependencies=is_known, responses=not_found)(model_ready)
            api.post(
                f"{place}/infer",
                dependencies=is_known,
                response_model=InferenceResponse,
                responses=not_found | problems,
                openapi_extra=takes,
            )(infer)
        api.openapi()["components"]["schemas"].update(parts)
        return api


async def _body(request: Request, headers: dict[bytes, bytes]) -> bytes:
    """The body of a request, which is never longer than MAX_BODY. Raises InvalidRequestError."""
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise InvalidRequestError("send the body uncompressed", 415)
    body = b""
    if (_number(headers, "Content-Length") or 0) <= MAX_BODY:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > MAX_BODY:
                        break
                else:
                    return body
        except TimeoutError:
            raise InvalidRequestError(f"no whole request within {BODY_SECONDS} seconds", 408) from None
    raise InvalidRequestError(f"more than {MAX_BODY} bytes; send fewer rows at once", 413)


def _number(headers: dict[bytes, bytes], name: str) -> int | None:
    """A header that is a number of bytes, None where it is not there. Raises InvalidRequestError."""
    if (value := headers.get(name.lower().encode())) is None:
        return None
    if not value.isdigit() or len(value) > 18:
        raise InvalidRequestError(f"{name} must be a number of bytes", 400)
    return int(value)
