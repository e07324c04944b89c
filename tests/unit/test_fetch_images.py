"""Fetching images from the web, from a server on this machine that has every fault."""

import io
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pandas as pd
import pytest
from helpers.web import closed_port, encoded, serving
from PIL import Image

from latefusion.catalogue import read_with_issues
from latefusion.config import CatalogueConfig
from latefusion.images import fetch
from latefusion.images.download import DownloadLimits, is_public, seconds_to_wait, suffix_of
from latefusion.images.fetch import Pace, fetch_images
from latefusion.images.fetched import FOLDER, fetched_path, find_fetched, read_report, refuse_unfetched
from latefusion.images.inspection import handle_bad_images, inspect_images
from latefusion.images.store import read_image
from latefusion.utils.errors import StepError

LIMITS = DownloadLimits(max_bytes=200_000, seconds=0.8, silence=0.4, allow_private=True)
PACE = Pace(pause=0, retries=1, backoff=0.01)
FAULTS = {  # what the server does, and what the report says about it
    "missing/1.png": "404",
    "page/1.png": "not an image",
    "svg/1.svg": "not an image",
    "large/1.png": "too large: 1,000,000,000,000 bytes",
    "endless/1.png": "too large: more than 200,000 bytes",
    "silent/1.png": "no answer in time",
    "dripping/1.png": "took more than 0.8 seconds",
    "slowheader/1.png": "took more than 0.8 seconds",
    "hugeheader/1.png": "the answer broke off",
    "truncated/1.png": "the answer broke off",
    "noise/1.png": "the answer broke off",
    "cut/1.jpg": "truncated",
    "loop/1": "more than 5 redirects",
    "intofile/1": "redirected to file://127.0.0.1/etc/passwd, which is not on the web",
    "closed/1.png": "503",
}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def web():
    with serving() as web:
        yield web


def reasons(root, web) -> dict[str, str]:
    """Return the report's reasons by path."""
    report = read_report(root / FOLDER)
    return dict(zip(report["url"].str.removeprefix(web.url("")), report["reason"], strict=True))


def test_images_are_saved_once_under_names_that_only_the_program_chooses(web, tmp_path):
    names = ["good/1.png", "good/2.jpg", "good/3.webp?../../../x.webp", "moved/4.png", "good/%2e%2e%2f5.png"]
    urls = [web.url(name) for name in names]
    result = fetch_images(tmp_path, [*urls, *urls, f" {urls[0]} "], LIMITS, PACE)
    assert (result.saved, result.there, len(result.failed)) == (5, 0, 0)
    assert max(web.asked.values()) == 1
    assert all("latefusion" in agent for agent in web.agents)
    files = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert len(files) == 6  # with the report
    assert all(len(name.partition(".")[0]) == 32 for name in files if name != "report.csv")
    paths = find_fetched(tmp_path, pd.Series(urls))
    assert [path.rpartition(".")[2] for path in paths] == ["png", "jpg", "webp", "png", "png"]  # whatever servers say
    assert (tmp_path / paths[0]).read_bytes() == encoded(1)
    assert read_image(tmp_path / paths[1]).shape == (24, 24, 3)
    again = fetch_images(tmp_path, urls, LIMITS, PACE)
    assert (again.saved, again.there) == (0, 5)
    assert max(web.asked.values()) == 1


def test_every_fault_is_named_and_nothing_is_left_of_it(web, tmp_path):
    urls = [web.url(path) for path in FAULTS] + [web.url("good/1.png")]
    unreadable = ["http://", "http://[::1", "https://exa mple.com:99999/x", "http://" + "a" * 300 + ".example/x"]
    start = time.monotonic()
    result = fetch_images(tmp_path, urls + unreadable, LIMITS, PACE)
    assert time.monotonic() - start < 8
    assert result.saved == 1
    found = reasons(tmp_path, web)
    assert {path: found[path][: len(reason)] for path, reason in FAULTS.items()} == FAULTS
    assert all(found[url] for url in unreadable)
    assert len(list((tmp_path / FOLDER).iterdir())) == 2  # the good image and the report
    assert web.asked["silent/1.png"] == 2  # once more, as it may pass
    assert web.asked["missing/1.png"] == web.asked["page/1.png"] == web.asked["closed/1.png"] == 1  # it will not pass


def test_passing_failures_are_tried_again_after_the_pause_that_the_server_asks_for(web, tmp_path):
    result = fetch_images(tmp_path, [web.url("flaky/1.png")], LIMITS, PACE)
    assert (result.saved, web.asked["flaky/1.png"]) == (1, 2)
    start = time.monotonic()
    assert fetch_images(tmp_path, [web.url("busy/1.png")], LIMITS, PACE).saved == 1
    assert 1 <= time.monotonic() - start < 3


def test_requests_to_one_host_are_spaced(web, tmp_path):
    pace = Pace(connections=4, pause=0.05)
    fetch_images(tmp_path, [web.url(f"good/{number}.png") for number in range(8)], LIMITS, pace)
    gaps = np.diff(sorted(web.times))
    assert len(gaps) == 7
    assert gaps.mean() > 0.04  # the server's clock sees them a little later or earlier


def test_local_addresses_are_refused_unless_allowed(web, tmp_path, monkeypatch):
    """Also those that hide: names, redirects, other spellings. The server must not see a request."""
    port = web.server.server_port
    hosts = ["127.0.0.1", "localhost", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f.0.0.1"]
    inside = [f"http://{host}:{port}/good/1.png" for host in hosts]
    guarded = DownloadLimits(seconds=2, silence=1)
    result = fetch_images(tmp_path, inside, guarded, Pace(pause=0, retries=0))
    assert result.saved == 0
    assert web.asked == {}
    local = "address of a local network"
    told = dict(zip(result.failed["url"], result.failed["reason"], strict=True))
    assert all(local in told[url] or "no connection" in told[url] for url in inside), told
    assert sum(local in reason for reason in told.values()) >= 6
    monkeypatch.setattr("latefusion.images.download.is_public", lambda address: address == "127.0.0.1")
    monkeypatch.setattr("latefusion.images.download._refuse_local_name", lambda host: None)
    redirected = fetch_images(tmp_path, [web.url("moved/2.png"), web.url("good/3.png")], guarded, PACE)
    assert redirected.saved == 2
    monkeypatch.setattr("latefusion.images.download._refuse_local_name", refuse_0)
    assert "refused" in fetch_images(tmp_path, [web.url("inside/1.png")], guarded, PACE).failed["reason"].iloc[0]


def refuse_0(host: str) -> None:
    from latefusion.images.download import NotDownloadedError

    if host == "0.0.0.0":
        raise NotDownloadedError("refused")


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1111", True), ("10.1.2.3", False), ("169.254.169.254", False),
        ("192.168.0.1", False), ("100.64.0.1", False), ("224.0.0.1", False), ("::1", False), ("fe80::1%eth0", False),
        ("fd00::1", False), ("::ffff:10.0.0.1", False), ("2002:7f00:1::", False), ("64:ff9b::7f00:1", False),
        ("64:ff9b::808:808", True), ("0.0.0.0", False),
    ],
)  # fmt: skip
def test_which_addresses_are_on_the_internet(address, public):
    assert is_public(address) is public


def test_a_server_may_name_seconds_or_a_date():
    later = datetime.now(UTC) + timedelta(seconds=100)
    assert seconds_to_wait("7") == 7
    assert 95 < seconds_to_wait(format_datetime(later, usegmt=True)) <= 100
    unreadable = ("", "soon", "-5", "²", "Mon, 01 Jan 2001 00:00:00 GMT")
    unreadable += ("Mon, 01 Jan 2040 00:00:00 +99999999999999999999",)
    assert [seconds_to_wait(text) for text in unreadable] == [0] * len(unreadable)


def test_a_jpeg_of_several_pictures_has_the_suffix_of_a_jpeg():
    content = io.BytesIO()
    pictures = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    pictures[0].save(content, format="MPO", save_all=True, append_images=pictures[1:])
    assert suffix_of(content.getvalue()) == ".jpg"


def test_a_path_to_nothing_does_not_excuse_an_address_that_was_not_fetched(tmp_path):
    named = pd.Series(["gone.jpg", "https://shop.example/a.jpg"], index=["p1", "p1"], dtype="str")
    with pytest.raises(StepError, match=r"id p1, https://shop\.example/a\.jpg"):
        refuse_unfetched(tmp_path, named, "", every=False)
    (tmp_path / "gone.jpg").touch()
    refuse_unfetched(tmp_path, named, "", every=False)


def test_a_host_that_does_not_answer_is_soon_left_alone(tmp_path):
    port = closed_port()
    urls = [f"http://127.0.0.1:{port}/{number}.png" for number in range(40)]
    result = fetch_images(tmp_path, urls, LIMITS, Pace(connections=1, pause=0, retries=0))
    counts = result.failed["reason"].str.partition(":")[0].value_counts()
    assert counts.to_dict() == {"no connection": 5, "not tried": 35}


def test_an_interrupted_run_ends_at_once_and_the_next_goes_on(web, tmp_path, monkeypatch):
    urls = [web.url(f"good/{number}.png") for number in range(12)] + [web.url("silent/1.png")]
    patient = DownloadLimits(seconds=60, silence=60, allow_private=True)

    def killed(self, outcome):
        calls.append(outcome)
        if len(calls) == 8:
            raise KeyboardInterrupt
        return outcome

    calls: list = []
    monkeypatch.setattr(fetch._Fetcher, "run", interrupting(fetch._Fetcher.run, killed))
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        fetch_images(tmp_path, urls, patient, PACE)
    assert time.monotonic() - start < 3  # not the 60 seconds of the silent server
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fetch")]
    done = {path.name for path in (tmp_path / FOLDER).iterdir()}
    assert 8 <= len(done) < 14
    assert not any(name.endswith((".partial", ".csv")) for name in done)
    monkeypatch.undo()
    asked = sum(web.asked.values())
    result = fetch_images(tmp_path, urls[:-1], LIMITS, PACE)
    assert result.saved + result.there == 12
    assert result.there == len(done)
    assert sum(web.asked.values()) - asked == result.saved


def interrupting(run, seen):
    def generator(self, urls):
        for outcome in run(self, urls):
            yield seen(self, outcome)

    return generator


def test_a_disk_that_cannot_be_written_ends_the_run(web, tmp_path):
    if os.geteuid() == 0:
        (tmp_path / FOLDER).write_text("a file is in the way")
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"fetched"):
        fetch_images(tmp_path, [web.url(f"good/{number}.png") for number in range(9)], LIMITS, PACE)


def test_reports_of_several_tables_are_joined(web, tmp_path):
    fetch_images(tmp_path, [web.url("missing/1.png"), web.url("good/1.png")], LIMITS, PACE)
    web.answers["missing/1.png"] = encoded(5)
    fetch_images(tmp_path, [web.url("missing/1.png"), web.url("missing/2.png")], LIMITS, PACE)
    found = reasons(tmp_path, web)
    assert found == {"good/1.png": "", "missing/1.png": "", "missing/2.png": "404"}
    assert fetched_path(tmp_path, web.url("missing/1.png")) is not None


def test_a_catalogue_reads_the_files_and_its_policy_decides_on_what_failed(web, tmp_path):
    urls = {"a": web.url("good/1.png"), "b": web.url("missing/1.png"), "c": "", "d": "own.png"}
    (tmp_path / "own.png").write_bytes(encoded(9))
    rows = "".join(f"{id_},lamp,,{url},lamps\n" for id_, url in urls.items())
    (tmp_path / "products.csv").write_text("id,title,description,image_path,label\n" + rows)
    catalogue = CatalogueConfig(format="table", root=tmp_path)
    named = read_with_issues(catalogue).products["image"]
    with pytest.raises(StepError, match=r"2 products have an image on the web .* the first: id a, http") as caught:
        refuse_unfetched(tmp_path, find_fetched(tmp_path, named), "--config CONFIG", every=False)
    said = caught.value.with_script({"fetch_images": "14_fetch_images.py"})
    assert said.endswith("python src/14_fetch_images.py --config CONFIG")
    fetch_images(tmp_path, named.dropna()[:2], LIMITS, PACE)
    found = find_fetched(tmp_path, named)
    refuse_unfetched(tmp_path, found, "--config CONFIG", every=True)
    assert found.isna().tolist() == [False, False, True, False]
    inspection = inspect_images(tmp_path, found)
    assert inspection.bad["reason"].to_dict() == {"b": "not downloaded: 404"}
    products = read_with_issues(catalogue).products.assign(image=found, split="train")
    kept = handle_bad_images(products, inspection.bad, "keep")
    assert kept["image"].isna().tolist() == [False, True, True, False]
    assert list(handle_bad_images(products, inspection.bad, "drop").index) == ["a", "c", "d"]
