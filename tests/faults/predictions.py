"""Exports, and predictions of new products: kills, disks, strangers' models, hostile tables and images."""

import json
import os
import pickle
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM

import pandas as pd
from helpers.damage import cut, flip

from faults.disks import FULL, onto_a_disk, remount
from faults.fault import FINE, INTERRUPTED, KILLED, REFUSED, TERMINATED, Ended, Fault, after, at_once, run, struck
from faults.files import claims, fifo
from faults.incoming import EXPORT, PREDICT, SERVE, Incoming
from latefusion.plan.records import describe_file, digest
from latefusion.utils.files import read_json, remove, write_json

EQUAL = "the model and all predictions equal afterwards"
SHARD = "out/labels.csv.shards/00000.parquet"
FOREIGN = "models/shop: .*(has changed|is missing|is not a file)|model.json: (it has changed|it is damaged|format)"


def _struck(what: str, script: str, how: object, status: int, when: str, *forget: str) -> Fault:
    says = "" if status == KILLED else "run the same command again"
    return Fault(what, script, EQUAL, struck(script, how, when, forget=forget), status=(status,), says=says)


def _model(what: str, change: Callable[[Path], object], says: str = FOREIGN, script: str = PREDICT) -> Fault:
    """A model that was damaged, or put together from several."""

    def act(place: Incoming) -> Ended:
        shutil.copytree(place.model, place.folder / "sound", symlinks=True)
        change(place.model)
        return run(script)(place)

    def mend(place: Incoming) -> None:
        shutil.rmtree(place.model)
        shutil.move(place.folder / "sound", place.model)

    return Fault(f"model: {what}", script, f"refused with the file; {EQUAL}", act, says=says, mend=mend)


def _on(name: str, change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda model: change(model / name)


def _forged(name: str, change: Callable[[Path], object]) -> Callable[[Path], object]:
    """Change a file of a model, and its hashes with it, as a stranger can."""

    def forge(model: Path) -> None:
        change(model / name)
        content = read_json(model / "model.json")
        del content["digest"]
        if name != "model.json":
            content["files"][name] = describe_file(model / name)
        write_json(model / "model.json", content | {"digest": digest(content)})

    return forge


class Bomb:
    """An object that, unpickled, leaves a file."""

    def __reduce__(self):
        return os.mkdir, ("bombed",)


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Bomb()))


def _bomb(name: str, says: str, script: str = PREDICT) -> Fault:
    """A stranger's pickle in the place of a file, with the right hashes."""
    fault = _model(f"{name} is a stranger's pickle, with its hash", _forged(name, _pickle), says, script)

    def act(place: Incoming) -> Ended:
        ended = fault.act(place)
        assert not (place.folder / "bombed").exists()
        return ended

    return Fault(fault.what, script, f"refused, and not run; {EQUAL}", act, says=says, mend=fault.mend)


def _edit(change: Callable[[dict], object]) -> Callable[[Path], object]:
    """Change a JSON file."""

    def edit(path: Path) -> None:
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


def _table(what: str, change: Callable[[str], str | bytes], says: str) -> Fault:
    """The table of new products, rewritten."""

    def act(place: Incoming) -> Ended:
        shutil.copyfile(place.new, place.folder / "sound.csv")
        content = change(place.new.read_text())
        place.new.write_bytes(content if isinstance(content, bytes) else content.encode())
        return run(PREDICT)(place)

    def mend(place: Incoming) -> None:
        shutil.copyfile(place.folder / "sound.csv", place.new)

    return Fault(f"new.csv: {what}", PREDICT, f"refused with file and row; {EQUAL}", act, says=says, mend=mend)


def _photo(what: str, change: Callable[[Path], object], says: str) -> Fault:
    """An image that cannot be used: the product is predicted without it, and the row says why."""

    def act(place: Incoming) -> Ended:
        shutil.copy2(place.photo(3), place.folder / "sound.png")
        change(place.photo(3))
        ended = run(PREDICT)(place)
        rows = pd.concat(pd.read_csv(path, index_col="id") for path in place.out.glob("*.csv"))
        assert len(rows) == 12
        assert rows["problem"].notna().sum() == 1
        return Ended(ended.statuses, f"{ended.output}\n{rows.loc['n3', 'problem']}")

    def mend(place: Incoming) -> None:
        remove(place.photo(3))
        shutil.copy2(place.folder / "sound.png", place.photo(3))

    outcome = "predicted without it, and its row says why; with the image, all predictions equal"
    return Fault(f"an image: {what}", PREDICT, outcome, act, status=(FINE,), says=says, mend=mend)


def _disk(what: str, script: str, folder: str, arguments: tuple[str, ...], says: str) -> Fault:
    """A folder on a disk that is full, or read-only."""

    def act(place: Incoming) -> Ended:
        if script == EXPORT:
            place.forget("models/shop")
        (place.folder / folder).mkdir(exist_ok=True)
        onto_a_disk(place.folder / folder, 8_192)
        remount(place.folder / folder, *arguments)
        return run(script)(place)

    def mend(place: Incoming) -> None:
        remount(place.folder / folder, "rw", "size=20000000")

    return Fault(what, script, f"says so; {EQUAL}", act, says=says, mend=mend)


def _killed_then(
    what: str, change: Callable[[Incoming], object], says: str, mend: Callable[[Incoming], object]
) -> Fault:
    """A run that was killed after its first shard, then something has changed."""

    def act(place: Incoming) -> Ended:
        struck(PREDICT, SIGKILL, SHARD, forget=())(place)
        change(place)
        return run_again(place)

    outcome = f"what has changed is predicted again; {EQUAL}"
    return Fault(what, PREDICT, outcome, act, status=(FINE,), says=says, mend=mend)


def run_again(place: Incoming) -> Ended:
    """Predict, keeping the shards that are there."""
    process = place.start(PREDICT)
    return Ended((process.wait(),), process.output)


def _change_photo(place: Incoming) -> None:
    shutil.copy2(place.photo(1), place.folder / "sound.png")
    shutil.copy2(place.photo(2), place.photo(1))


def _restore_photo(place: Incoming) -> None:
    shutil.copy2(place.folder / "sound.png", place.photo(1))


def _lose_weights(place: Incoming) -> None:
    flip(place.folder / "weights/shop/experts/tfidf/model.safetensors")


def _train_again(place: Incoming) -> None:
    shutil.rmtree(place.folder / "weights/shop/experts/tfidf")
    script = super(Incoming, place).finish()
    assert script.status == 0, script.output


def _serving(what: str, how: int, status: int, says: str = "") -> Fault:
    """A signal to a service that is ready."""

    def act(place: Incoming) -> Ended:
        process = place.start(SERVE)
        while "the model is loaded" not in process.output and not process.has_ended():
            time.sleep(0.01)
        os.kill(process.pid, how)
        return Ended((process.wait(),), process.output)

    return Fault(what, SERVE, f"ends; {EQUAL}", act, status=(status,), says=says)


def _serve_at_a_taken_port(place: Incoming) -> Ended:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return run(SERVE, "--port", str(taken.getsockname()[1]))(place)


FAULTS = [
    _struck(
        "SIGKILL while the model is gathered", EXPORT, SIGKILL, KILLED, "models/shop.partial/experts", "models/shop"
    ),
    _struck("SIGTERM while the model is gathered", EXPORT, SIGTERM, TERMINATED, "models/shop.partial", "models/shop"),
    _disk("models/ on a disk with 8 kB left", EXPORT, "models", ("rw",), FULL),
    _disk("models/ read-only", EXPORT, "models", ("ro",), "read-only"),
    Fault(
        "two exports at once",
        EXPORT,
        f"the second is told who writes the folder, or that it is there; {EQUAL}",
        at_once((EXPORT,), (EXPORT,), forget=("models/shop",)),
        status=(FINE, REFUSED),
        says="is being written by process|models/shop exists",
    ),
    Fault(
        "weights that have changed since they were trained",
        EXPORT,
        f"refused with the file and the command that makes it again; {EQUAL} after it",
        after(_lose_weights, run(EXPORT, forget=("models/shop",))),
        says="experts/tfidf is damaged: model.safetensors has changed since it was written",
        mend=_train_again,
    ),
    Fault(
        "a submission that is not done",
        EXPORT,
        f"refused with the script to run; {EQUAL} after it",
        after(
            lambda place: shutil.rmtree(place.folder / "weights/shop/submission"), run(EXPORT, forget=("models/shop",))
        ),
        says="the submission is not done: run src/08_vote.py --config",
        mend=_train_again,
    ),
    _struck("SIGKILL after the first shard", PREDICT, SIGKILL, KILLED, SHARD),
    _struck("SIGTERM after the first shard", PREDICT, SIGTERM, TERMINATED, SHARD),
    _struck("Ctrl-C after the first shard", PREDICT, SIGINT, INTERRUPTED, SHARD),
    _struck("SIGKILL while the predictions are written", PREDICT, SIGKILL, KILLED, "out/labels.csv.partial"),
    _killed_then(
        "killed, then an image is replaced", _change_photo, "00000.parquet: images have changed", _restore_photo
    ),
    _killed_then(
        "killed, then the table is changed",
        lambda place: place.new.write_text(place.new.read_text().replace("old mug", "new mug")),
        "",
        lambda place: place.new.write_text(place.new.read_text().replace("new mug", "old mug")),
    ),
    _disk("out/ on a disk with 8 kB left", PREDICT, "out", ("rw",), FULL),
    _disk("out/ read-only", PREDICT, "out", ("ro",), "read-only"),
    Fault(
        "two predictions to one file",
        PREDICT,
        f"the second is told who writes it; {EQUAL}",
        at_once((PREDICT,), (PREDICT,)),
        status=(FINE, REFUSED),
        says=r"out/labels.csv is being written by process \d+ on .* since 20\d\d-",
    ),
    _model("model.json is cut", _on("model.json", cut)),
    _model("model.json is a list", _on("model.json", lambda path: path.write_text("[]")), "model.json: it is damaged"),
    _model("model.json names the classes in another order", _on("model.json", _edit(lambda m: m["classes"].reverse()))),
    _model("weights of a network are cut", _on("experts/text/all/model.safetensors", cut)),
    _model("a bit of TF-IDF's weights", _on("experts/tfidf/all/model.safetensors", flip)),
    _model("a policy is missing", lambda model: shutil.rmtree(model / "policies/network")),
    _model("a foreign file", _on("experts/setup.py", lambda path: path.write_text("import os"))),
    _model("the format of a later version", _forged("model.json", _edit(lambda m: m.update(format=99))), "format 99"),
    _model(
        "more classes than its experts know, with the right hash",
        _forged("model.json", _edit(lambda m: m["classes"].append("vase"))),
        "cannot be loaded: export the model again",
    ),
    _bomb("experts/tfidf/all/model.safetensors", "experts/tfidf: the expert cannot be loaded"),
    _bomb("experts/cnn/all/model.safetensors", "experts/cnn: the expert cannot be loaded"),
    _bomb("experts/tfidf/all/vocabulary.parquet", "vocabulary.parquet: cannot be read|cannot be loaded"),
    _bomb("policies/network/model.safetensors", "the model cannot be loaded"),
    _bomb("config.yaml", "config.yaml"),
    _bomb("unusual.safetensors", "unusual.safetensors: it is missing or damaged"),
    _bomb("profile.json", "profile.json: it is missing or damaged"),
    _table(
        "a duplicate id, in another shard", lambda text: text.replace("n11,", "n0,"), "line 2: id n0[\\s\\S]*line 13"
    ),
    _table("a quotation mark that is never closed", lambda text: text.replace("n7,", 'n7,"'), "line 9"),
    _table("no column of titles", lambda text: text.replace("title", "x"), "no column 'title'"),
    _table("an image outside of the folder", lambda text: text.replace("5.png", "../../etc/passwd"), "id n5 has"),
    _table("bytes that are not text", lambda text: text.encode() + b"n12,\xff\xfe\x00\xd8,,\n", "line 14|NUL|UTF-8"),
    _table("a header alone", lambda text: text.split("\n")[0] + "\n", "no rows"),
    _photo("missing", Path.unlink, "missing"),
    _photo("cut", cut, "truncated|unreadable"),
    _photo("a FIFO", fifo, "not a regular file"),
    _photo("a PNG that claims 40,000 x 40,000", claims(40_000, 40_000), "too large"),
    Fault(
        "16 open files at most",
        PREDICT,
        "finishes; all predictions equal",
        run(PREDICT, limits={"RLIMIT_NOFILE": 16}),
        status=(FINE,),
    ),
    _serving("SIGTERM to a service that is ready", SIGTERM, FINE, "0 requests"),
    _serving("SIGKILL to a service that is ready", SIGKILL, KILLED),
    Fault(
        "a port that another program uses",
        SERVE,
        f"refused with the options; {EQUAL}",
        _serve_at_a_taken_port,
        says="cannot listen on 127.0.0.1, port .*choose others with --host and --port",
    ),
    _model("model.json is cut", _on("model.json", cut), script=SERVE),
    _bomb("experts/cnn/all/model.safetensors", "experts/cnn: the expert cannot be loaded", script=SERVE),
]
