"""Files that the scripts have left, damaged, changed or removed since."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

import pandas as pd
from helpers.damage import cut, flip
from helpers.frozen import CNN

from faults.fault import FINE, REFUSED, Fault, after, run, struck
from faults.shop import Shop, located
from latefusion.plan.pretrained import FOLDER

DONE_AGAIN = "the job is done again; all files equal"


def _on(file: str, change: Callable) -> Callable[[Shop], object]:
    return lambda shop: change(shop.run_root / located(file))


def _rewritten(file: str, what: str, change: Callable, script: str) -> Fault:
    """A file whose size tells that it is damaged: the job that left it is done again."""
    return Fault(f"{file}: {what}", script, DONE_AGAIN, after(_on(file, change), run(script)), status=(FINE,))


def _refused(file: str, what: str, change: Callable, script: str, *lost: str) -> Fault:
    """A file that has its size and has changed since it was written: whoever reads it names it and the way out."""
    job, name = file.split("/", 1)
    return Fault(
        f"{file}: {what}",
        script,
        "refused with the file and the commands that make it again; all files equal after these",
        after(_on(file, change), run(script, forget=lost)),
        says=rf"{located(job)} is damaged: {name} has changed since it was written"
        rf"[\s\S]*rm -r weights/shop/{located(job)}",
        mend=lambda shop: shop.forget(job),
    )


def _remade(pattern: str, what: str, change: Callable, script: str, *lost: str) -> Fault:
    """A damaged cache is made again."""

    def damage(shop: Shop) -> None:
        paths = sorted(path for path in shop.run_root.glob(f"cache/{pattern}") if path.is_file())
        assert paths
        for path in paths:
            change(path)

    outcome = "the cache is made again; all files equal"
    return Fault(f"cache/{pattern}: {what}", script, outcome, after(damage, run(script, forget=lost)), status=(FINE,))


def _features(what: str, change: Callable) -> Fault:
    """Damaged features of frozen networks are computed again."""

    def damage(shop: Shop) -> None:
        for path in list(shop.features.glob("*/*.npz")):
            change(path)

    outcome = "the features are computed again; all files equal"
    act = after(damage, run("04_train_image.py", forget=("probe",)))
    return Fault(f"features/*/*.npz: {what}", "04_train_image.py", outcome, act, status=(FINE,))


def _checkpoint(what: str, change: Callable, says: str) -> Fault:
    """A damaged checkpoint of a run that was killed."""

    def act(shop: Shop):
        struck("02_train_text.py", SIGKILL, "text/checkpoints/step-00000004", forget=("text",))(shop)
        change(sorted(path for path in shop.run_root.glob("experts/text/checkpoints/step-*") if not path.suffix)[-1])
        return run("02_train_text.py", "--only", "text")(shop)

    return Fault(
        f"checkpoint: {what}",
        "02_train_text.py",
        "refused with the file and the older checkpoint; all files equal after that",
        act,
        says=says,
        mend=lambda shop: shop.forget("text"),
    )


def _times_seven(path) -> None:
    (pd.read_parquet(path) * 7).to_parquet(path)


def _other_attempt(shop: Shop) -> None:
    struck("02_train_text.py", SIGKILL, "text/checkpoints/step-00000004", forget=("text",))(shop)
    path = shop.run_root / "experts/text/job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"attempt": "of another run"}))


def _in_2030(shop: Shop) -> None:
    for path in shop.folder.rglob("*"):
        os.utime(path, (1_893_456_000, 1_893_456_000))


def _swap(shop: Shop) -> None:
    first, second = shop.image(1).read_bytes(), shop.image(4).read_bytes()
    shop.image(1).write_bytes(second)
    shop.image(4).write_bytes(first)


def _leftovers(shop: Shop) -> None:
    (shop.run_root / "experts/tfidf/model.partial").write_text("half")
    (shop.run_root / "experts/tfidf.removed").mkdir()
    (shop.run_root / "experts/tfidf.removed/x").write_text("x")
    (shop.run_root / "experts/tfidf.lock").write_text("half")


def _pretrained(shop: Shop) -> Path:
    return shop.folder / FOLDER / CNN / "model.safetensors"


def _kept(shop: Shop) -> Path:
    return _pretrained(shop).with_suffix(".kept")


def _cut_pretrained(shop: Shop) -> None:
    shutil.copy(_pretrained(shop), _kept(shop))
    cut(_pretrained(shop))


FAULTS = [
    *(
        Fault(
            f"job.json: {what}",
            "02_train_text.py",
            DONE_AGAIN,
            after(
                lambda shop, content=content: (shop.run_root / "experts/tfidf/job.json").write_bytes(content),
                run("02_train_text.py"),
            ),
            status=(FINE,),
            says="the job counts as not done",
        )
        for what, content in {
            "empty": b"",
            "zeros": bytes(400),
            "half of it": b'{"fingerprint": "0',
            "a list": b"[]",
            "keys missing": b"{}",
        }.items()
    ),
    _rewritten("tfidf/valid_probs.parquet", "removed", lambda path: path.unlink(), "02_train_text.py"),
    _rewritten("cnn/model.safetensors", "cut", cut, "04_train_image.py"),
    _rewritten("catalogue/classes.json", "cut", cut, "01_prepare.py"),
    _rewritten("catalogue/contents.json", "removed", lambda path: path.unlink(), "01_prepare.py"),
    _rewritten("denoise/label_issues.parquet", "cut", cut, "03_denoise.py"),
    _rewritten("both/test_preds.parquet", "removed", lambda path: path.unlink(), "07_fuse.py"),
    _rewritten("vote/test_probs.parquet", "cut", cut, "08_vote.py"),
    _refused("cnn/model.safetensors", "one bit", flip, "05_train_dcl.py", "dcl"),
    _refused("cnn/late-1.safetensors", "one bit", flip, "04_train_image.py", "late"),
    _refused("tfidf/valid_probs.parquet", "one bit", flip, "07_fuse.py", "both"),
    _refused("denoise/label_issues.parquet", "one bit", flip, "04_train_image.py", "clean"),
    _refused("catalogue/products.parquet", "one bit", flip, "02_train_text.py", "tfidf"),
    _refused("submission/test_preds.parquet", "one bit", flip, "09_predict.py"),
    Fault(
        "tfidf/test_probs.parquet: all probabilities times 7",
        "07_fuse.py",
        "TF-IDF counts as not done; all files equal",
        after(_on("tfidf/test_probs.parquet", _times_seven), run("07_fuse.py", forget=("both",))),
        says=r"tfidf",
        mend=lambda shop: shop.forget("tfidf"),
    ),
    _remade("images_40.npy", "cut", cut, "04_train_image.py", "cnn"),
    _remade("images_40.json", "cut", cut, "04_train_image.py", "cnn"),
    _remade("tokens-*/input_ids.npy", "cut", cut, "02_train_text.py", "text"),
    _remade("tokens-*/offsets.npy", "removed", lambda path: path.unlink(), "02_train_text.py", "text"),
    _remade("features/*/*/part-00000.npy", "cut", cut, "06_train_joint.py", "joint"),
    _remade("features/*/*/ids.json", "cut", cut, "06_train_joint.py", "joint"),
    _features("cut", cut),
    _features("one bit", flip),
    _features("removed", lambda path: path.unlink()),
    Fault(
        "pretrained weights: cut",
        "04_train_image.py",
        "refused with the file; all files equal when it is whole again",
        after(_cut_pretrained, run("04_train_image.py", forget=("probe",))),
        says="model.safetensors",
        mend=lambda shop: _kept(shop).replace(_pretrained(shop)),
    ),
    _checkpoint(
        "weights cut", lambda folder: cut(folder / "model.safetensors"), "checkpoint is damaged: model.safetensors has"
    ),
    _checkpoint(
        "progress.json removed", lambda folder: (folder / "progress.json").unlink(), "progress.json is missing"
    ),
    _checkpoint(
        "one bit of the optimizer",
        lambda folder: flip(folder / "optimizer.bin"),
        "optimizer.bin has changed since it was",
    ),
    _checkpoint("files.json removed", lambda folder: (folder / "files.json").unlink(), "files.json cannot be read"),
    Fault(
        "checkpoint: of another run in this folder",
        "02_train_text.py",
        "refused; all files equal after rm",
        after(_other_attempt, run("02_train_text.py", "--only", "text")),
        says="written by another run",
        mend=lambda shop: shop.forget("text"),
    ),
    Fault(
        "the submission edited by hand",
        "10_validate.py",
        "refused by its line; all files equal after 09_predict.py",
        after(lambda shop: cut(shop.folder / "submissions/shop/predictions.tsv"), run("10_validate.py")),
        says="predictions.tsv",
    ),
    Fault(
        "submissions/shop removed",
        "10_validate.py",
        "refused: run 08; all files equal after that",
        after(lambda shop: shutil.rmtree(shop.folder / "submissions/shop"), run("10_validate.py")),
        says="run src/09_predict.py --config",
    ),
    Fault(
        "all files dated 2030",
        "02_train_text.py",
        "nothing is done again; all files equal",
        after(_in_2030, run("02_train_text.py")),
        status=(FINE,),
        says="nothing to do",
    ),
    Fault(
        "two images swapped",
        "04_train_image.py",
        "refused until 01 has run; then image experts alone are trained again",
        after(_swap, run("04_train_image.py")),
        status=(REFUSED,),
        says="changed, the first is",
        equal=False,
    ),
    Fault(
        "an image removed",
        "04_train_image.py",
        "refused until 01 has run, which names it",
        after(lambda shop: shop.image(7).unlink(), run("04_train_image.py")),
        says="changed, the first is",
        mend=lambda shop: shutil.copyfile(shop.image(8), shop.image(7)),
        equal=False,
    ),
    Fault(
        "what a killed process may leave: half files, folders, a lock",
        "02_train_text.py",
        "no obstacle",
        after(_leftovers, run("02_train_text.py", forget=("text",))),
        status=(FINE,),
        equal=False,
    ),
]
