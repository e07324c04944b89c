"""The HTTP service: answers equal to the batch prediction, limits, bad requests, concurrency, an orderly end."""

import asyncio
import base64
import json
import logging
import re
import shlex
import struct
import threading
import time
import zlib
from concurrent.futures import CancelledError, ThreadPoolExecutor

import cv2
import httpx2
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from helpers.probes import TITLES
from helpers.service import ServerProcess
from helpers.workspace import REPOSITORY, Workspace

from latefusion.predictor import Predictor
from latefusion.service import Limits, create_app, run_server
from latefusion.service.app import PAGE
from latefusion.service.batch import RequestPredictor
from latefusion.service.metrics import Metrics
from latefusion.service.reading import Item
from latefusion.service.worker import FAILED, LOADING, READY, PredictionFailed, Worker
from latefusion.utils.errors import InputError

THRESHOLD = 0.8
LIMITS = Limits(products=6, characters=200, pixels=10_000, body_mb=0.2, waiting_mb=0.5)


@pytest.fixture(scope="module")
def shop(exported_shop) -> Workspace:
    """A shop with its exported model; tests must not change it."""
    return exported_shop


@pytest.fixture(scope="module", autouse=True)
def server(shop, tmp_path_factory):
    """A server in a process of its own, which loads the model while other tests run; its last test ends it."""
    log = tmp_path_factory.mktemp("server") / "log"
    with ServerProcess(shop.folder / "models/tiny", log, "--min-confidence", str(THRESHOLD)) as server:
        yield server
    logging.getLogger("latefusion.predictor.products").setLevel(logging.NOTSET)  # a service in this process quiets it


@pytest.fixture(scope="module")
def predictor(shop) -> Predictor:
    return Predictor.load(shop.folder / "models/tiny", num_workers=0)


@pytest.fixture(scope="module")
def shared(predictor):
    """A client of a running application."""
    with client_of(create_app(predictor, THRESHOLD, LIMITS)) as client:
        yield client


@pytest.fixture
def client(shared, monkeypatch):
    """The client, and an application whose worker a test may change."""
    worker = shared.app.state.worker
    before = worker.predict, worker.state
    yield shared
    worker.predict, worker.state = before


def client_of(app) -> TestClient:
    """Return a client; as context manager, the application runs and is ready."""

    class ReadyClient(TestClient):
        def __enter__(self):
            super().__enter__()
            wait_for(lambda: app.state.worker.state != LOADING)
            assert app.state.worker.state == READY, app.state.worker.error
            return self

    return ReadyClient(app, raise_server_exceptions=False)


def wait_for(condition, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def encode_image(seed: int = 0, name: str = ".png", side: int = 40) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    return cv2.imencode(name, pixels)[1].tobytes()


def png_header(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of this size: a few bytes that claim to be a huge image."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = [struct.pack(">I", len(one) - 4) + one + struct.pack(">I", zlib.crc32(one)) for one in (header, data)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def text_of(content: bytes) -> str:
    return base64.b64encode(content).decode()


def make_products(n: int) -> list[dict]:
    """Return products of requests: some lack a title, a description or an image, some images are damaged."""
    made = []
    for number in range(n):
        product = {"id": f"n{number}", "title": f"{list(TITLES.values())[number % 3]} {number}"}
        if number % 4:
            product["image"] = text_of(encode_image(number, ".jpg" if number % 2 else ".png"))
        if number % 5 == 0:
            product["description"] = "new and shiny " * (number % 7)
        if number % 6 == 5:
            del product["title"]
        if number % 7 == 6:
            product["image"] = text_of(encode_image(number, ".jpg")[:200])
        made.append(product)
    return made


def batch_prediction(predictor: Predictor, products: list[dict], folder) -> pd.DataFrame:
    """Return what `Predictor.predict` says of the products of requests."""
    rows = []
    for number, product in enumerate(products):
        image = None
        if product.get("image"):
            image = f"{number}.bin"
            (folder / image).write_bytes(base64.b64decode(product["image"]))
        rows.append({"title": "", "description": ""} | product | {"image": image})
    return predictor.predict(pd.DataFrame(rows, dtype="str"), folder)


def check_answer(answer: dict, row: pd.Series, experts: tuple[str, ...], threshold: float) -> None:
    """Compare the answer for a product with its row of the batch prediction."""
    assert answer["id"] == row.name
    assert answer["label"] == row["label"]
    assert answer["confidence"] == pytest.approx(row["confidence"], abs=1e-5)
    assert [one["label"] for one in answer["next"]] == [row["label_2"], row["label_3"]]
    confidences = [row["confidence_2"], row["confidence_3"]]
    assert [one["confidence"] for one in answer["next"]] == pytest.approx(confidences, abs=1e-5)
    assert answer["experts"] == {name: row[f"{name}_label"] or None for name in experts}
    assert answer["agree"] == row["agree"]
    assert answer["problem"] == (row["problem"] or None)
    assert answer["unusual"] == (row["unusual"] or None)
    if abs(row["confidence"] - threshold) > 1e-4:
        assert answer["accepted"] == (row["confidence"] >= threshold and not row["unusual"])


def post(client, *products: dict) -> httpx2.Response:
    return client.post("/v1/predict", json={"products": list(products)})


def test_answers_equal_the_batch_prediction(client, predictor, tmp_path):
    products = make_products(24)
    expected = batch_prediction(predictor, products, tmp_path)
    assert expected["problem"].ne("").any()
    assert expected["confidence"].between(0, THRESHOLD).any()
    assert expected["confidence"].ge(THRESHOLD).any()
    for start in range(0, 24, 6):
        response = post(client, *products[start : start + 6])
        assert response.status_code == 200, response.text
        assert response.json()["model"] == "tiny"
        answers = response.json()["predictions"]
        assert [one["id"] for one in answers] == [one["id"] for one in products[start : start + 6]]
        for answer in answers:
            check_answer(answer, expected.loc[answer["id"]], predictor.experts, THRESHOLD)


def test_an_answer_does_not_depend_on_its_micro_batch(predictor, tmp_path):
    products = make_products(12)
    expected = batch_prediction(predictor, products, tmp_path)
    items = [
        Item(
            one.get("title", ""), one.get("description", ""), one["id"], base64.b64decode(one.get("image", "")) or None
        )
        for one in products
    ]
    batches = RequestPredictor(predictor, THRESHOLD, LIMITS.pixels)
    alone = [batches.predict([item])[0] for item in items]
    together, reverse = batches.predict(items), batches.predict(items[::-1])[::-1]
    for answers in (alone, together, reverse):
        for answer in answers:
            check_answer(answer.model_dump(), expected.loc[answer.id], predictor.experts, THRESHOLD)


def test_what_is_missing_may_be_left_out_null_or_empty(client):
    response = post(client, {}, {"title": None, "image": None}, {"title": "  ", "description": "", "image": ""})
    answers = response.json()["predictions"]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["experts"] == {"text": None, "image": None, "tfidf": None}


def test_an_image_that_cannot_be_used_is_left_out_and_named_and_the_log_does_not_say_so(client, caplog):
    caplog.set_level(logging.INFO)
    title = "bright lamp for reading"
    damaged = {
        "truncated": encode_image(1, ".jpg", 90)[:1500],
        "not an image": b"<svg onload='alert(1)'/>",
        "too large: 101 x 101; at most 10000 pixels are read": encode_image(1, ".png", 101),
        "too large: 60000 x 60000; at most 10000 pixels are read": png_header(60_000, 60_000),
    }
    without = post(client, {"title": title}).json()["predictions"][0]
    for problem, content in damaged.items():
        answer = post(client, {"title": title, "image": text_of(content)}).json()["predictions"][0]
        assert answer["problem"].startswith(problem)
        assert answer["confidence"] == pytest.approx(without["confidence"], abs=1e-5)
        for key in ("label", "experts", "agree"):
            assert answer[key] == without[key]
    whole = post(client, {"title": title, "image": "\n".join(re.findall(".{1,60}", text_of(encode_image())))}).json()
    assert whole["predictions"][0]["problem"] is None  # base64 in lines is base64
    assert [line.getMessage() for line in caplog.records if line.name.startswith("latefusion")] == []


BAD = {
    "not JSON": ("{", 400, "the body is not JSON: EOF"),
    "not UTF-8": (b'{"products": [{"title": "\xff"}]}', 400, "the body is not JSON: invalid unicode"),
    "half a surrogate pair": ('{"products": [{"title": "\\ud800"}]}', 400, "the body is not JSON: unexpected end"),
    "deep": ("[" * 10_000, 400, "the body is not JSON: recursion limit"),
    "a list": ("[]", 422, "the body: Input should be an object"),
    "no products": ('{"products": []}', 422, "products: List should have at least 1 item"),
    "no key": ("{}", 422, "products: Field required"),
    "too many": ({"products": [{}] * 7}, 422, "products: 7 products: send at most 6 in a request"),
    "unknown key": (
        {"products": [{}, {"titel": "x"}]},
        422,
        "products[1].titel: unknown key 'titel'; did you mean 'title'?",
    ),
    "wrong type": ({"products": [{}, {"title": ["x"]}]}, 422, "products[1].title: Input should be a valid string"),
    "long text": ({"products": [{}, {"title": "x" * 201}]}, 422, "products[1].title: 201 characters: send at most 200"),
    "bad base64": ({"products": [{}, {"image": "a*b="}]}, 422, "products[1].image: not base64"),
    "data URL": ({"products": [{"image": "data:image/png;base64,AAAA"}]}, 422, "products[0].image: not base64"),
    "not ASCII": ({"products": [{"image": "é"}]}, 422, "products[0].image: not base64"),
    "repeated id": ({"products": [{"id": "a"}, {"id": "a"}]}, 422, "products[1].id: 'a' is the id of another product"),
    "two faults": ({"products": [{"image": "*"}, {"image": "*"}]}, 422, "products[0].image: not base64"),
    "too large": ({"products": [{"title": "x" * 200_000}]}, 413, "the body is larger than 0.2 MB"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_request_is_told_what_is_wrong_and_where(client, name):
    body, status, message = BAD[name]
    content = json.dumps(body) if isinstance(body, dict) else body
    response = client.post("/v1/predict", content=content, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"][: len(message)]) == (status, message)
    assert "Traceback" not in response.text
    if name == "two faults":
        assert [one["where"] for one in response.json()["problems"]] == ["products[0].image", "products[1].image"]


def test_a_body_without_a_length_is_read_up_to_its_limit(client):
    headers = {"Content-Type": "application/json"}
    chunks = [b'{"products": [{"title": "', b"x" * 150, b'"}]}']
    assert client.post("/v1/predict", content=iter(chunks), headers=headers).status_code == 200
    response = client.post("/v1/predict", content=(b"x" * 10_000 for _ in range(30)), headers=headers)
    assert response.status_code == 413


def test_other_pages_cannot_send_forms_and_unknown_paths_are_not_found(client):
    assert client.post("/v1/predict", data={"products": "x"}).status_code == 415
    assert client.post("/v1/predict", content="{}", headers={"Content-Type": "text/plain"}).status_code == 415
    assert client.get("/v1/predict").status_code == 405
    assert client.get("/page/../app.py").status_code == 404
    assert client.get("/nothing").json()["error"] == "GET /nothing: Not Found"


def test_the_limits_of_waiting_requests(client):
    gate = Gate(client)
    waiting = client.app.state.waiting
    limit = waiting.limits
    try:
        waiting.limits = Limits(waiting=2)
        with ThreadPoolExecutor() as pool:
            held = [pool.submit(post, client, {"title": "lamp"}) for _ in range(2)]
            wait_for(lambda: waiting.requests == 2)
            refused = post(client, {"title": "lamp"})
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            gate.open.set()
            assert [one.result().status_code for one in held] == [200, 200]
        waiting.limits = Limits(waiting_mb=0.0005, body_mb=0.0005)
        assert post(client, {"title": "x" * 150}, *[{"title": "x" * 150}] * 5).status_code == 503
    finally:
        waiting.limits = limit
    assert (waiting.requests, waiting.bytes) == (0, 0)
    assert post(client, {"title": "lamp"}).status_code == 200


class Gate:
    """Holds the worker of an application in its predictions until `open` is set."""

    def __init__(self, client):
        self.open, self.sizes = threading.Event(), []
        worker = client.app.state.worker
        own = worker.predict

        def predict(items):
            self.sizes.append(len(items))
            assert self.open.wait(30)
            return own(items)

        worker.predict = predict


def test_a_prediction_has_its_time_and_does_not_stop_other_endpoints(predictor):
    limits = Limits(seconds=0.4)
    with client_of(create_app(predictor, 0, limits)) as client, ThreadPoolExecutor() as pool:
        gate = Gate(client)
        late = pool.submit(post, client, {"title": "lamp"})
        wait_for(lambda: gate.sizes)
        waits = pool.submit(post, client, {"title": "lamp"})  # it is cancelled before it is predicted
        started = time.monotonic()
        assert client.get("/health").json() == {"health": "ok"}
        assert time.monotonic() - started < 0.3
        for one in (late, waits):
            assert one.result().status_code == 504
            assert one.result().json()["error"] == "the prediction took more than 0.4 seconds"
        gate.open.set()
        assert post(client, {"title": "lamp"}).status_code == 200
        assert gate.sizes == [1, 1]


def test_a_model_that_is_not_loaded_answers_that_it_is_not(client):
    assert client.get("/ready").json() == {"ready": True, "state": "ready"}
    client.app.state.worker.state = LOADING
    assert (client.get("/ready").status_code, client.get("/health").status_code) == (503, 200)
    refused = post(client, {"title": "lamp"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert refused.json()["error"] == "the service is not ready: loading the model"


def test_a_bug_is_told_without_its_traceback_which_the_log_has(client, caplog):
    worker = client.app.state.worker
    own = worker.predict
    worker.predict = lambda items: 1 // 0
    response = post(client, {"title": "lamp"})
    assert response.status_code == 500
    assert response.json() == {"error": "an error within the service; its log says more", "problems": []}
    assert "ZeroDivisionError" in caplog.text
    worker.predict = own
    assert post(client, {"title": "lamp"}).status_code == 200


def test_the_description_of_the_model_and_of_the_interface(client, predictor):
    about = client.get("/v1/model").json()
    assert (about["name"], about["classes"], about["threshold"]) == ("tiny", predictor.classes, THRESHOLD)
    assert about["experts"] == {"text": "text", "image": "image", "tfidf": "text"}
    assert about["limits"]["products"] == 6
    assert [row["target"] for row in about["thresholds"]] == [0.9, 0.95, 0.98, 0.99]
    spec = client.get("/openapi.json").json()
    schema = spec["paths"]["/v1/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/PredictRequest"}
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(spec)))
    assert references <= set(spec["components"]["schemas"])
    assert set(spec["components"]["schemas"]["Product"]["properties"]) == {"id", "title", "description", "image"}


def test_the_page_is_of_this_service_alone(client):
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<script(?! src)|<style|style=|\son\w+=|innerHTML", page.text)
        named = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert named
        assert [client.get(f"/{name.removeprefix('.')}").status_code for name in named] == [200] * len(named)
    for path in PAGE.iterdir():
        content = path.read_text().replace('xmlns="http://www.w3.org/2000/svg"', "")
        assert not re.search(r"https?://|innerHTML|insertAdjacentHTML|eval\(", content), path


def test_metrics_count_requests_and_products(predictor):
    with client_of(create_app(predictor, 0, LIMITS)) as client:
        post(client, {"title": "lamp"}, {"title": "shoe"})
        post(client, {"titel": "lamp"})
        client.get("/secret/" + "x" * 50)
        text = client.get("/metrics").text
        summary = client.app.state.metrics.summary()
    assert 'latefusion_requests_total{path="/v1/predict",status="200"} 1\n' in text
    assert 'latefusion_requests_total{path="/v1/predict",status="422"} 1\n' in text
    assert 'latefusion_requests_total{path="other",status="404"} 1\n' in text
    assert "latefusion_products_total 2\n" in text
    assert 'latefusion_predict_seconds_bucket{le="+Inf"} 1\n' in text
    assert "latefusion_ready 1\n" in text
    assert "secret" not in text
    for line in text.splitlines():
        assert re.fullmatch(r'# TYPE \w+ \w+|\w+(\{\w+="[^"]+"(,\w+="[^"]+")*\})? [0-9.]+', line), line
    assert summary.startswith("4 requests (2 with status 200, 1 with status 404, 1 with status 422), 2 products in 1")


class Recorder:
    """Stands for a model: predicts its items themselves, once `open` is set, and fails on "bad"."""

    def __init__(self):
        self.open, self.batches = threading.Event(), []

    def predict(self, items):
        self.batches.append(items)
        assert self.open.wait(30)
        if "bad" in items:
            raise KeyError("bad")
        return list(items)


@pytest.fixture
def recorded():
    recorder = Recorder()
    worker = Worker(lambda: None, recorder.predict, batch_size=4, metrics=Metrics())
    worker.start()
    first = worker.submit(["first"])
    wait_for(lambda: recorder.batches)
    yield worker, recorder, first
    recorder.open.set()
    assert worker.stop(10)


def test_requests_that_wait_are_predicted_together_up_to_the_batch_size(recorded):
    worker, recorder, first = recorded
    futures = [worker.submit(items) for items in (["a"], ["b", "c"], ["d", "e"], list("fghijk"), ["l"])]
    recorder.open.set()
    assert [one.result(10) for one in futures] == [["a"], ["b", "c"], ["d", "e"], list("fghijk"), ["l"]]
    assert first.result() == ["first"]
    assert recorder.batches == [["first"], ["a", "b", "c"], ["d", "e"], list("fghijk"), ["l"]]


def test_a_request_that_fails_does_not_fail_those_beside_it_and_a_cancelled_one_is_not_predicted(recorded):
    worker, recorder, _ = recorded
    gone, good, bad, other = (worker.submit(items) for items in (["gone"], ["a"], ["bad"], ["b"]))
    assert gone.cancel()
    recorder.open.set()
    assert (good.result(10), other.result(10)) == (["a"], ["b"])
    with pytest.raises(PredictionFailed):
        bad.result(10)
    with pytest.raises(CancelledError):
        gone.result()
    assert not any("gone" in batch for batch in recorder.batches)


def test_what_waits_is_predicted_before_the_worker_stops(recorded):
    worker, recorder, _ = recorded
    last = worker.submit(["last"])
    assert not worker.stop(0.01)
    recorder.open.set()
    assert worker.stop(10)
    assert last.result(0) == ["last"]


def test_a_model_that_cannot_be_loaded_ends_the_service(predictor, monkeypatch, capsys):
    def fail(self):
        raise InputError("the weights are damaged")

    monkeypatch.setattr(RequestPredictor, "try_out", fail)
    app = create_app(predictor, 0, Limits())
    with pytest.raises(InputError, match="the weights are damaged"):
        run_server(app, host="127.0.0.1", port=0, limits=Limits())
    assert app.state.worker.state == FAILED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere"], "nowhere: there is no such folder"),
        (["--port", "70000"], "--port 70000: give a number from 1 to 65535"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1, port 8000"),
        (["--max-products", "0"], "--max-products 0: give a number above 0"),
        (["--max-seconds", "nan"], "--max-seconds nan: give a number above 0"),
        (["--batch-size", "-1"], "--batch-size -1: give a number above 0"),
        (["--max-body-mb", "500"], "--max-waiting-mb 256 must be --max-body-mb or more"),
        (["--target-precision", "0.4"], "--target-precision 0.4: give a share from 0.5 to 1"),
        (["--target-precision", "0.9", "--min-confidence", "1"], "exclude each other"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(shop, capsys, arguments, message):
    with pytest.raises(SystemExit) as stopped:
        shop.run_script("15_serve.py", "--model", "models/tiny", *arguments)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


async def ask(url: str, products: list[dict], n_requests: int) -> list[httpx2.Response]:
    """Send requests of one to six of the products, all at the same time."""
    limits = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        parts = [products[number % 20 : number % 20 + 1 + number % 4] for number in range(n_requests)]
        return await asyncio.gather(*(client.post("/v1/predict", json={"products": one}) for one in parts))


async def leave(url: str, product: dict) -> None:
    """Send a request and close the connection without waiting for the answer; send half a request and do the same."""
    address = httpx2.URL(url)
    body = json.dumps({"products": [product]}).encode()
    fields = {"Host": "x", "Content-Type": "application/json", "Content-Length": len(body)}
    lines = ["POST /v1/predict HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    for sent in (body, body[: len(body) // 2]):
        _, writer = await asyncio.open_connection(address.host, address.port)
        writer.write("\r\n".join(lines).encode() + sent)
        await writer.drain()
        writer.close()


def received(url: str) -> int:
    """Return how many requests for predictions have been answered or wait."""
    text = httpx2.get(f"{url}/metrics").text
    return sum(map(int, re.findall(r'(?:_waiting|_total\{path="/v1/predict",status="\d+"\}) (\d+)', text)))


def test_many_clients_at_once_and_an_orderly_end(server, predictor, tmp_path):
    products = make_products(24)
    expected = batch_prediction(predictor, products, tmp_path)
    server.wait_until_ready()
    for _ in range(5):
        asyncio.run(leave(server.url, products[1]))
    for response in asyncio.run(ask(server.url, products, 60)):
        assert response.status_code == 200, response.text
        for answer in response.json()["predictions"]:
            check_answer(answer, expected.loc[answer["id"]], predictor.experts, THRESHOLD)
    before = received(server.url)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(lambda: asyncio.run(ask(server.url, products, 40)))
        wait_for(lambda: received(server.url) == before + 40)
        assert server.stop(30) == 0
        assert [one.status_code for one in running.result()] == [200] * 40
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{server.url}/health")
    log = server.log.read_text()
    assert "Traceback" not in log
    assert re.search(r"\d+ requests \(.*\), \d+ products in \d+ micro-batches; half of the predictions within", log)
    assert len(log.splitlines()) < 12  # no line per request


def test_the_dockerfile_copies_what_exists_and_runs_what_the_script_knows(shop, capsys):
    lines = re.sub(r"\\\n", " ", (REPOSITORY / "Dockerfile").read_text()).splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert "src" in copied
    assert all((REPOSITORY / name).exists() for name in copied)
    shipped = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) <= shipped
    (entry,) = [json.loads(line.removeprefix("ENTRYPOINT ")) for line in lines if line.startswith("ENTRYPOINT ")]
    assert entry[0] == "python"
    with pytest.raises(SystemExit):  # its model is not here
        shop.run_script(entry[1].removeprefix("src/"), *entry[2:], "--target-precision", "0.98")
    assert "/model: there is no such folder" in capsys.readouterr().err
    (needed,) = [line for line in lines if "tomllib" in line]
    code = shlex.split(needed[needed.index("python -c") :])[2]
    compile(code, "Dockerfile", "exec")
