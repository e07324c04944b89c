"""Configs and settings that are wrong, hostile, or ask for what cannot be."""

import json
import shutil
from collections.abc import Callable

from faults.fault import FINE, REFUSED, Ended, Fault, after, run
from faults.shop import CNN, Shop

EQUAL = "refused in words, before anything is trained; all files equal without it"


def _set(setting: str, says: str, script: str = "01_prepare.py") -> Fault:
    return Fault(f"--set {setting}", script, EQUAL, run(script, "--set", setting), says=says)


def _text(what: str, change: Callable[[str], str], says: str) -> Fault:
    """The config's text, rewritten."""

    def act(shop: Shop) -> Ended:
        config = shop.folder / "shop.yaml"
        config.write_text(change(config.read_text()))
        return run("01_prepare.py")(shop)

    return Fault(f"config: {what}", "01_prepare.py", EQUAL, act, says=says, mend=lambda shop: shop.configure({}))


def _bomb(text: str) -> str:
    lines = ["a0: &a0 {x: 1}"] + [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    return text + "\n".join(lines) + "\n"


def _foreign_code(shop: Shop) -> None:
    """A pretrained model that brings its own code."""
    folder = shop.folder / "weights/pretrained/evil"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": "evil.C"}}))
    (folder / "model.safetensors").write_text("")
    (folder / "evil.py").write_text("from pathlib import Path\nPath('EVIL').touch()\n")


def _remove_foreign_code(shop: Shop) -> None:
    assert not (shop.folder / "EVIL").exists()
    shutil.rmtree(shop.folder / "weights/pretrained/evil")


TEXT = "02_train_text.py"
DIVERGES = json.dumps(CNN | {"train": CNN["train"] | {"lr": 1e9}})

FAULTS = [
    _set("experts.cnn.train.epoch=3", "the number of epochs is the key `epochs`"),
    _set("experts.tfdif.min_df=1", "did you mean"),
    _set("experts.text.train.lr=.inf", "experts.text.train.lr"),
    _set("experts.cnn.train.weight_decay=.nan", "experts.cnn.train.weight_decay"),
    _set("experts.late.epochs_before_end=9", "experts.late"),
    _set("experts.tfidf.word_ngrams=[2, 1]", "experts.tfidf.word_ngrams"),
    _set("experts.text.scratch.num_attention_heads=3", "num_attention_heads|hidden_size"),
    _set("experts.cnn.train.seed=-1", "experts.cnn.train.seed"),
    _set("experts.cnn.model=resnet10x", "resnet10t", "04_train_image.py"),
    _set("experts.cnn.model_args={num_classes: 5}", "num_classes"),
    _set("experts.dcl.grid=5", "grid"),
    _set("experts.dcl.start_from=nobody", "experts.dcl.start_from"),
    _set("name=pretrained", "pretrained"),
    _set("name=../elsewhere", "name"),
    _set("vote={members: [both], members: [rest]}", "duplicate|twice"),
    _set("vote.members=[bth]", "did you mean 'both'"),
    _set(
        "experts.text={kind: transformer, model: weights/mine/bert}",
        "no pretrained weights for 'weights/mine/bert'",
        TEXT,
    ),
    _set("experts.both={kind: tfidf}", "both"),
    _text("a key that is there twice", lambda text: text + "vote: {}\nvote: {}\n", "duplicate key|twice"),
    _text("a list as a key", lambda text: text + "? [a, b]\n: c\n", "key|YAML"),
    _text("an impossible date", lambda text: text + "x: 2024-13-45\n", "x|date"),
    _text("3,000 levels", lambda text: text + "x: " + "[" * 3000 + "]" * 3000 + "\n", "deep|levels|nested"),
    _text("aliases of aliases of aliases", _bomb, "."),
    _text("a number of 5,000 digits", lambda text: text + "x: " + "9" * 5000 + "\n", "."),
    _text("a list", lambda text: "- a\n", "mapping|keys"),
    Fault(
        "no such config",
        "01_prepare.py",
        EQUAL,
        run("01_prepare.py", "--config", "nowhere.yaml"),
        says="nowhere.yaml",
    ),
    Fault(
        "a model folder with code of its own",
        TEXT,
        "refused; the code does not run; all files equal without it",
        after(_foreign_code, run(TEXT, "--set", "experts.text={kind: transformer, model: evil, max_length: 16}")),
        says="code",
        mend=_remove_foreign_code,
    ),
    Fault(
        "a learning rate of 1e9",
        "04_train_image.py",
        "stops at the first epoch whose loss is not finite; all files equal without it",
        run("04_train_image.py", "--only", "cnn", "--set", f"experts.cnn={DIVERGES}"),
        says="lower experts.cnn.train.lr|finite|nan",
    ),
    Fault(
        "mixed_precision=no, as YAML reads it",
        TEXT,
        "finishes; all files equal",
        run(TEXT, "--set", "hardware.mixed_precision=no", forget=("text",)),
        status=(FINE,),
    ),
    Fault(
        "a job that is none of the script's",
        TEXT,
        EQUAL,
        run(TEXT, "--only", "cnn"),
        status=(REFUSED,),
        says="a job of src/04_train_image.py",
    ),
]
