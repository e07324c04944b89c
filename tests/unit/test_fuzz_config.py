"""Whatever is written into a config or after `--set`: an experiment, or an InputError, and soon."""

import time

import yaml
from helpers.configs import tiny_config
from helpers.workspace import REPOSITORY
from hypothesis import example, given
from hypothesis import strategies as st

from latefusion.config import Experiment
from latefusion.config.loading import load_experiment
from latefusion.plan.planning import plan
from latefusion.utils.errors import InputError

SECONDS = 2  # of CPU; the slowest config takes a tenth of it
PAGES = {path.stem: path.read_text() for path in sorted((REPOSITORY / "configs").rglob("*.yaml"))}
PAGES["tiny"] = yaml.safe_dump(tiny_config())
LINES = sorted({line for text in PAGES.values() for line in text.splitlines()})
KEYS = sorted({word for line in LINES for word in line.replace("{", " ").split() if word.endswith(":")})
SNIPPETS = [
    *KEYS, "<<: ", "*a", "&a ", "- ", "? ", ": ", "\n", "  ", "{", "}", "[", "]", ",", "'", '"', "#", "|", ">",
    "!!set ", "!x ", "no", "none", "null", "~", "yes", ".inf", ".nan", "-1", "0", "1e999", "9" * 25, "0b_",
    "1:99:9", "2024-13-45",
    "\t", "---", "...", "%YAML 2", "\\ud800", "\x85", "é", "\u2028", "con", "pretrained", "tfidf", "cnn", "late",
    "*resnet", "*adamw",
]  # fmt: skip
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(SNIPPETS)
    | st.sampled_from(["tfidf", "transformer", "network", "camembert", "cnn_raw", "auto", "networks", 10**18, 2**32])
)  # fmt: skip
structures = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars.map(str), inner, max_size=4),
    max_leaves=12,
)


def paths(section: dict, prefix: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the path of every key below a section."""
    found = []
    for key, value in section.items():
        found.append((*prefix, key))
        found += paths(value, (*prefix, key)) if isinstance(value, dict) else []
    return found


KEY_PATHS = [".".join(path) for path in paths(Experiment.model_validate({"name": "x"} | tiny_config()).model_dump())]


def is_valid_or_refused(path, overrides=()) -> None:
    """Load a config; where it stands, its jobs can be planned, and where not, the message can be read."""
    started, message = time.process_time(), ""
    try:
        experiment = load_experiment(path, list(overrides))
        plan(experiment.model_copy(update={"catalogue": TINY.catalogue}))  # the tables of another are not hashed
    except InputError as error:
        message = str(error)
    assert time.process_time() - started < SECONDS
    assert len(message) < 20_000


TINY = Experiment.model_validate({"name": "tiny"} | tiny_config())


pieces = st.sampled_from(SNIPPETS) | st.sampled_from(LINES).map(lambda line: f"\n{line}\n") | st.text(max_size=3)


@st.composite
def mutated_configs(draw) -> str:
    """One of the repository's own configs, with a few lines and characters removed, moved, doubled or put in."""
    text = PAGES[draw(st.sampled_from(sorted(PAGES)))]
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.sampled_from([0, 0, 1, 2, 10, 80])))
        piece = draw(pieces)
        text = text[:start] + piece + text[end:]
    return text


@given(mutated_configs())
@example("a: &a {b: &b [*b]}")
def test_a_mutated_config_is_valid_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "mutated.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    is_valid_or_refused(path)


@given(st.sampled_from(KEY_PATHS), structures)
def test_any_structure_at_any_key_is_valid_or_refused(tmp_path_factory, key, structure):
    config = tiny_config()
    section = config
    *parents, last = key.split(".")
    for parent in parents:
        section[parent] = dict(section.get(parent) or {})
        section = section[parent]
    section[last] = structure
    path = tmp_path_factory.getbasetemp() / "structure.yaml"
    path.write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8", errors="surrogatepass")
    is_valid_or_refused(path)


values = st.text(max_size=20) | st.lists(st.sampled_from(SNIPPETS), max_size=6).map("".join) | scalars.map(str)
any_keys = st.sampled_from(KEY_PATHS) | st.lists(st.sampled_from([*KEYS, "experts", "x", ""]), max_size=5).map(
    lambda keys: ".".join(key.strip(":") for key in keys)
)


@given(st.lists(st.text(max_size=20) | st.tuples(any_keys, values).map("=".join), min_size=1, max_size=3))
def test_any_override_is_valid_or_refused(overrides):
    is_valid_or_refused(REPOSITORY / "configs" / "sample.yaml", overrides)


@given(st.binary(max_size=200))
def test_any_bytes_are_valid_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    is_valid_or_refused(path)
