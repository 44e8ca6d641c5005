"""The server: the Open Inference Protocol, metrics and a page for people, over one model."""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import Depends, FastAPI, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from samebits.errors import UserError
from samebits.model.family import Text
from samebits.model.predictor import Predictor
from samebits.model.schema import Rows
from samebits.serving import bodies, page, protocol
from samebits.serving.bodies import SMALL, Held, Share
from samebits.serving.counters import Counters
from samebits.serving.protocol import FEATURES, INPUT, JSON_BYTES, InferenceRequest, InferenceResponse
from samebits.serving.tensors import TEXT, RefusedError, datatype

TURNS = 20  # of the event loop before a large request, for small ones: a turn accepts one connection
ADVICE = {415: {"Accept-Encoding": "gzip, deflate"}, 503: {"Retry-After": "1"}}
SHOWN = ("type", "min", "max", "levels")  # of a column of the table
Query = Callable[[dict[str, np.ndarray], int], Rows]
BUG = {"error": "a mistake in the server; its log has more"}
MODEL = "/v2/models/{name}"
VERSION = f"{MODEL}/versions/{{version}}"


class Error(BaseModel):
    """What is wrong."""

    error: str


class Live(BaseModel):
    """The process answers."""

    live: bool


class Ready(BaseModel):
    """The server can be asked."""

    ready: bool


class ModelReady(Ready):
    """The model can be asked."""

    name: str


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
    """The ASGI application. The version of the model is its commit, shortened.

    query: asks the model's query of the cells of raw rows, and their number; None where only features are taken.
    """

    def __init__(self, predictor: Predictor, name: str, query: Query | None = None) -> None:
        self.predictor, self.name, self.query = predictor, name, query
        self.schema = predictor.schema if query else None
        self.version = (predictor.commit or "unknown")[:12]
        self.counters = Counters()
        self.held, self.turn = Held(), asyncio.Lock()
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
        if scope["method"] == "HEAD":  # as GET; what writes the response leaves its body out
            scope = {**scope, "method": "GET"}
        try:
            if infers:  # through FastAPI's routing it would take half as long again
                await self._infer(scope, receive, counted)
            else:
                await self.api(scope, receive, counted)
        finally:
            route = infers or str(getattr(scope.get("route"), "path", "unknown"))
            self.counters.answered(route, status, time.perf_counter() - start)

    async def _infer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        try:
            with Share(self.held) as share:
                coding = bodies.coding(headers)
                body = await bodies.read(receive, headers, share)
                if len(body) <= SMALL and coding == b"identity":
                    content, json_bytes = self._answer(body, headers)
                else:
                    async with self.turn:  # one large request after the other
                        for _ in range(TURNS):
                            await asyncio.sleep(0)
                        text = body if coding == b"identity" else bodies.inflated(body, coding)
                        content, json_bytes = self._answer(text, headers)
                        del text
                del body
                share.take(len(content))
                await _send(send, content, json_bytes)
        except RefusedError as problem:
            response = JSONResponse({"error": str(problem)}, problem.status, ADVICE.get(problem.status))
            await response(scope, receive, send)
        except ClientDisconnect:
            await Response(status_code=400)(scope, receive, send)  # nobody reads it
        except Exception:
            await JSONResponse(BUG, 500)(scope, receive, send)
            raise

    def _answer(self, body: bytes | bytearray, headers: dict[bytes, bytes]) -> tuple[bytes, int | None]:
        request, given = protocol.decode(body, bodies.number(headers, JSON_BYTES), self.predictor.features, self.schema)
        family = self.predictor.family
        asked = protocol.asked_outputs(request, family.outputs, [*family.more, FEATURES])
        X = self._features(given) if isinstance(given, dict) else given
        y = self.predictor.predict(X)
        told = self.predictor.outputs(X, y, {each.name for each in asked} - {FEATURES})
        for values in (y, *(each for each in told.values() if each.dtype != object)):
            if not np.isfinite(values).all():
                raise RefusedError(f"row {int(np.isfinite(values).argmin()) + 1}: the prediction is beyond float64")
        self.counters.predicted(len(X), int(self.predictor.outside(X).any(axis=1).sum()))
        answers = ((each, X if each.name == FEATURES else told[each.name][:, None]) for each in asked)
        return protocol.encode(request, answers, self.name, self.version)

    def _features(self, cells: dict[str, np.ndarray]) -> np.ndarray:
        """The features (n, p) of raw rows. Raises RefusedError where a row has none."""
        assert self.query
        try:
            rows = self.query(cells, len(next(iter(cells.values()))))
        except UserError as error:
            raise RefusedError(str(error)) from None
        if (lost := ~np.isfinite(rows.X).all(axis=1)).any():
            place = int(lost.argmax())
            raise RefusedError(f"row {place + 1}: no prediction: {rows.why[place]}")
        return rows.X

    def _columns(self) -> list[TensorMetadata]:
        """What a request may have in place of the features: a tensor for each column of the table."""
        columns = self.schema.columns if self.schema else {}
        return [
            TensorMetadata(
                name=name,
                datatype=datatype(of.type),
                shape=[-1],
                parameters={key: value for key, value in vars(of).items() if key in SHOWN and value is not None},
            )
            for name, of in columns.items()
            if of.needed
        ]

    def _outputs(self) -> list[TensorMetadata]:
        """What is told of each row."""
        family = self.predictor.family
        return [
            TensorMetadata(name=name, datatype=TEXT if kind == Text else "FP64", shape=[-1, 1])
            for name, kind in (*family.outputs.items(), *family.more.items())
        ]

    def _api(self) -> FastAPI:
        """The other routes, and the description of all in OpenAPI."""
        api = FastAPI(title="samebits", version=self.version, docs_url=None, redoc_url=None, redirect_slashes=False)
        not_found: dict[int | str, dict[str, Any]] = {404: {"model": Error}}
        problems: dict[int | str, dict[str, Any]] = {status: {"model": Error} for status in (400, 408, 413, 415, 503)}
        schema = InferenceRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        parts = schema.pop("$defs")
        parts["RequestedOutput"]["properties"]["name"]["enum"] = [*(of.name for of in self._outputs()), FEATURES]
        html = page.render(self.name, self.predictor, self.schema)

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

        @api.exception_handler(Exception)
        async def bug(_: Request, __: Exception) -> Response:
            return JSONResponse(BUG, 500)

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
            of_query = TensorMetadata(name=FEATURES, datatype="FP64", shape=[-1, len(features)])
            return ModelMetadata(
                name=self.name,
                versions=[self.version],
                platform="samebits",
                inputs=[rows, *self._columns()],
                outputs=[*self._outputs(), of_query],
                parameters=info,
            )

        async def model_ready() -> ModelReady:
            return ModelReady(name=self.name, ready=True)

        async def infer() -> None:
            raise AssertionError("`__call__` answers these requests")

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


async def _send(send: Send, content: bytes, json_bytes: int | None) -> None:
    """Send a response; of a large one, until most of it is on its way to the client."""
    kind = b"application/json" if json_bytes is None else b"application/octet-stream"
    headers = [(b"content-length", str(len(content)).encode()), (b"content-type", kind)]
    if json_bytes is not None:
        headers.append((JSON_BYTES.lower().encode(), str(json_bytes).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    large = len(content) > SMALL
    await send({"type": "http.response.body", "body": content, "more_body": large})
    if large:  # uvicorn waits here until it could write the first part
        await send({"type": "http.response.body", "body": b""})
