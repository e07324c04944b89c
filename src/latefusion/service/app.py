"""The application: endpoints, error answers, and the page's files."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from latefusion.predictor import Predictor
from latefusion.service.batch import RequestPredictor
from latefusion.service.limits import Limits
from latefusion.service.metrics import Metrics
from latefusion.service.middleware import GONE, HEADERS, CountedAnswers
from latefusion.service.reading import JSON_TYPE, Refusal, check_headers, parse_products, read_body
from latefusion.service.schema import (
    ErrorAnswer,
    ModelAnswer,
    PredictRequest,
    StateAnswer,
    answer_type,
)  # fmt: skip
from latefusion.service.waiting import Ticket, Waiting
from latefusion.service.worker import READY, PredictionFailed, Worker
from latefusion.utils.environment import code_version

PAGE = Path(__file__).parent / "page"
FILES = {"/": "index.html", "/docs": "docs.html"} | {
    f"/{name}": name for name in ("page.css", "page.js", "docs.js", "icon.svg")
}
LOOK = 0.5  # seconds between two looks whether the client is still there
PATIENCE = 2  # seconds at the end, for a prediction that nobody waits for any more
DISCARD = 5  # seconds for which the rest of a refused body is read, so that the client sees the answer
BUG = "an error within the service; its log says more"
REFUSALS = {400: "the body is not JSON", 408: "the body came too slowly", 413: "the body is too large",
            415: "the content type is not JSON", 422: "a product is not valid", 500: "a bug",
            503: "not ready, or too many requests wait: try again after Retry-After seconds",
            504: "the prediction took too long"}  # fmt: skip
DESCRIPTION = (
    "Predicts the class of products from title, description and image. Images are sent in base64. A product may lack "
    "any of the three; an image that cannot be used is left out, and the answer says why."
)


class Service(FastAPI):
    """FastAPI with the schema of the request, which is read within limits and not by FastAPI."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            template = "#/components/schemas/{model}"
            _, found = models_json_schema([(PredictRequest, "validation")], ref_template=template)
            schema["components"]["schemas"].update(found["$defs"])
        assert self.openapi_schema is not None
        return self.openapi_schema


def create_app(predictor: Predictor, threshold: float, limits: Limits, image_share: float | None = None) -> Service:
    """Return the application; it loads the experts when it starts. `app.state`: worker, metrics, waiting.

    `image_share`: as of `Predictor.predict`.
    """
    metrics, waiting = Metrics(), Waiting(limits)
    batches = RequestPredictor(predictor, threshold, limits.pixels, image_share)
    predict_answer = answer_type(batches.type)
    worker = Worker(batches.try_out, batches.predict, batch_size=limits.batch, metrics=metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        worker.start()
        yield
        await asyncio.to_thread(worker.stop, PATIENCE)

    app = Service(
        title=f"{predictor.manifest.experiment}: classes of products",
        version=code_version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={Refusal: _refuse, HTTPException: _refuse_http, Exception: _report_bug},
    )
    app.state.worker, app.state.metrics, app.state.waiting = worker, metrics, waiting
    about = _describe(predictor, threshold, limits, image_share)

    @app.post(
        "/v1/predict",
        response_model=predict_answer,
        response_description="the predictions",
        responses={status: {"model": ErrorAnswer, "description": text} for status, text in REFUSALS.items()},
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {JSON_TYPE: {"schema": {"$ref": "#/components/schemas/PredictRequest"}}},
            }
        },
    )
    async def predict(request: Request) -> Response:
        """Predict the class of one or more products."""
        with waiting.admitted() as ticket:
            try:
                if worker.state != READY:
                    raise Refusal(503, f"the service is not ready: {worker.state}", retry=5)
                if ticket is None:
                    raise Refusal(503, "too many requests wait; try again later", retry=1)
                return await _predict(request, ticket)
            except Refusal:
                await _discard(request, limits)
                raise
            except ClientDisconnect:
                return Response(status_code=GONE)

    async def _predict(request: Request, ticket: Ticket) -> Response:
        deadline = asyncio.get_running_loop().time() + limits.seconds
        headers = request.headers
        check_headers(headers.get("content-type", ""), headers.get("content-length", ""), limits)
        try:
            async with asyncio.timeout_at(deadline):
                body = await read_body(request.stream(), limits, ticket)
        except TimeoutError:
            raise Refusal(408, f"the body did not arrive within {limits.seconds:g} seconds") from None
        try:
            async with asyncio.timeout_at(deadline):
                items = await asyncio.to_thread(parse_products, body, limits)
                del body
                future = asyncio.wrap_future(worker.submit(items))
                predictions = await _while_connected(request, future)
        except TimeoutError:
            raise Refusal(504, f"the prediction took more than {limits.seconds:g} seconds") from None
        except PredictionFailed:
            raise Refusal(500, BUG) from None
        answer = predict_answer(model=predictor.manifest.experiment, predictions=predictions)
        return Response(answer.model_dump_json(), media_type=JSON_TYPE)

    @app.get("/v1/model", response_description="the model and the limits", response_model_exclude_unset=True)
    async def model() -> ModelAnswer:
        """Describe the model that answers, and the limits of the service."""
        return about

    @app.get("/health", response_description="the process answers")
    async def health() -> dict[str, str]:
        """Say that the process answers."""
        return {"health": "ok"}

    @app.get(
        "/ready", response_description="ready", responses={503: {"model": StateAnswer, "description": "not ready"}}
    )
    async def ready(response: Response) -> StateAnswer:
        """Say whether the model is loaded and has predicted a trial product."""
        response.status_code = 200 if worker.state == READY else 503
        return StateAnswer(ready=worker.state == READY, state=worker.state)

    @app.get("/metrics", response_class=PlainTextResponse, response_description="the metrics")
    async def read_metrics() -> Response:
        """Return counts and times in the text format of Prometheus."""
        text = metrics.text(waiting.requests, worker.state == READY)
        return Response(text, media_type="text/plain; version=0.0.4")

    for path, name in FILES.items():
        app.get(path, include_in_schema=False)(_file(PAGE / name))
    app.add_middleware(CountedAnswers, metrics=metrics, paths=frozenset(FILES) | frozenset(app.openapi()["paths"]))
    return app


def _describe(predictor: Predictor, threshold: float, limits: Limits, image_share: float | None) -> ModelAnswer:
    manifest = predictor.manifest
    further: dict[str, Any] = {"labels": "several"} if predictor.several else {}
    further |= {} if image_share is None else {"image_share": image_share}
    return ModelAnswer(
        name=manifest.experiment,
        method=manifest.method.name,
        experts={name: predictor.experiment.modality(name) for name in predictor.experts},
        classes=manifest.classes,
        scores=manifest.scores,
        thresholds=manifest.automation,
        threshold=threshold,
        limits=asdict(limits),
        **further,
    )


async def _while_connected(request: Request, future: "asyncio.Future[list[BaseModel]]") -> list[BaseModel]:
    """Return the predictions. If the client goes first, they are cancelled. Raises ClientDisconnect."""
    try:
        while not future.done():
            await asyncio.wait({future}, timeout=LOOK)
            if not future.done() and await request.is_disconnected():
                raise ClientDisconnect
        return future.result()
    finally:
        future.cancel()


async def _discard(request: Request, limits: Limits) -> None:
    """Read and forget what is left of a body, within bounds."""
    left = 4 * limits.body
    with suppress(ClientDisconnect, TimeoutError, RuntimeError):  # RuntimeError: the body has been read
        async with asyncio.timeout(DISCARD):
            async for chunk in request.stream():
                left -= len(chunk)
                if left < 0:
                    return


def _file(path: Path) -> Any:
    async def send() -> Response:
        return FileResponse(path)

    return send


def _answer(status: int, answer: ErrorAnswer, retry: int | None = None) -> Response:
    headers = None if retry is None else {"Retry-After": str(retry)}
    return JSONResponse(answer.model_dump(), status, headers)


async def _refuse(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)
    return _answer(refusal.status, ErrorAnswer(error=refusal.error, problems=refusal.problems), refusal.retry)


async def _refuse_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = ErrorAnswer(error=f"{request.method} {request.url.path[:200]}: {error.detail}")
    return JSONResponse(answer.model_dump(), error.status_code, error.headers)


async def _report_bug(request: Request, error: Exception) -> Response:
    answer = _answer(500, ErrorAnswer(error=BUG))
    answer.headers.update(HEADERS)  # it does not pass the middleware
    return answer
