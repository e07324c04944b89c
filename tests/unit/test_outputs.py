"""Tables of predictions are written in blocks, sorted without reading all, and safe for spreadsheets if asked for."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from latefusion.predictor import outputs
from latefusion.predictor.outputs import merge_sorted, write_sorted, write_table


def blocks(values: list[float], size: int) -> list[pd.DataFrame]:
    ids = pd.Index([f"p{n}" for n in range(len(values))], name="id", dtype="str")
    table = pd.DataFrame({"label": "lamp", "confidence": np.float32(values), "agree": range(len(values))}, index=ids)
    return [table.iloc[start : start + size] for start in range(0, len(table), size)]


@given(st.lists(st.sampled_from([0.1, 0.2, 0.25, 0.5]), min_size=1, max_size=40), st.integers(1, 9))
def test_a_merge_of_sorted_tables_is_a_stable_sort_of_all(tmp_path_factory, values, size):
    folder, parts = tmp_path_factory.mktemp("merge"), blocks(values, size)
    paths = [folder / f"{number}.parquet" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        write_sorted(path, part, "confidence")
    merged = pd.concat(merge_sorted(paths, "confidence"))
    pd.testing.assert_frame_equal(merged, pd.concat(parts).sort_values("confidence", kind="stable"))


def test_tables_with_lists_are_merged(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "FILES", 2)
    parts = blocks([0.5, 0.1, 0.7, 0.6, 0.2], 2)
    parts = [part.assign(label=[["toy"] * n for n in range(len(part))]) for part in parts]
    paths = [tmp_path / f"{number}.parquet" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        write_sorted(path, part, "confidence")
    merged = pd.concat(merge_sorted(paths, "confidence"))
    assert merged["label"].map(len).to_dict() == {"p1": 1, "p4": 0, "p0": 0, "p3": 1, "p2": 0}
    assert merged["confidence"].is_monotonic_increasing


def test_nothing_to_merge():
    assert list(merge_sorted([], "confidence")) == []


READ = {
    ".csv": lambda path: pd.read_csv(path, index_col="id", keep_default_na=False),
    ".tsv": lambda path: pd.read_csv(path, sep="\t", index_col="id", keep_default_na=False),
    ".jsonl": lambda path: pd.read_json(path, lines=True, dtype=False).set_index("id"),
    ".parquet": pd.read_parquet,
}


@pytest.mark.parametrize("suffix", READ)
def test_blocks_make_one_table(tmp_path, suffix):
    parts = blocks([0.5, 0.25, 0.125, 0.75, 1.0], 2)
    path = tmp_path / f"out{suffix}"
    assert write_table(path, [parts[0][:0], *parts]) == 5
    pd.testing.assert_frame_equal(READ[suffix](path), pd.concat(parts), check_dtype=False)


@pytest.mark.parametrize("suffix", READ)
def test_lists_are_lists_or_joined_and_may_be_empty_in_a_block(tmp_path, suffix):
    """Also in the first block, which says what the columns of Parquet are."""
    rows = {"label": [["mug"], ["toy", "a/b"]], "confidences": [[0.5], [0.75, 0.625]], "next_labels": [[], ["mug"]]}
    table = pd.DataFrame(rows, pd.Index(["p0", "p1"], name="id", dtype="str"))
    path = tmp_path / f"out{suffix}"
    assert write_table(path, [table[:0], table[:1], table[1:]], separator=";") == 2
    read = READ[suffix](path)
    if suffix in (".csv", ".tsv"):
        assert read["label"].tolist() == ["mug", "toy;a/b"]
        assert read["confidences"].tolist() == ["0.500000", "0.750000;0.625000"]
        assert read["next_labels"].tolist() == ["", "mug"]
    else:
        assert {name: [list(cell) for cell in read[name]] for name in read} == rows


def test_nothing_is_left_of_a_table_whose_blocks_fail(tmp_path):
    def failing():
        yield blocks([0.5], 1)[0]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write_table(tmp_path / "out.csv", failing())
    assert list(tmp_path.iterdir()) == []


def test_formulas_become_text_and_nothing_else_changes(tmp_path):
    hostile = ["=cmd|' /C calc'!A0", "+1+2", "-2", "@SUM(A1)", "\t=1", "lamp = light", "'quoted"]
    table = pd.DataFrame({"label": hostile, "confidence": -0.5}, index=pd.Index(hostile, name="id"))
    write_table(tmp_path / "safe.csv", [table], spreadsheet_safe=True)
    write_table(tmp_path / "plain.csv", [table])
    safe, plain = (
        pd.read_csv(tmp_path / name, keep_default_na=False, quotechar='"') for name in ("safe.csv", "plain.csv")
    )
    assert plain["label"].tolist() == hostile
    assert safe["label"].tolist() == [f"'{cell}" for cell in hostile[:5]] + hostile[5:]
    assert safe["id"].tolist() == safe["label"].tolist()
    assert safe["confidence"].tolist() == [-0.5] * len(hostile)  # numbers are not text


def test_more_tables_are_merged_than_can_be_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr(outputs, "FILES", 3)
    rng = np.random.default_rng(0)
    parts = blocks(list(rng.choice([0.1, 0.2, 0.3], 50)), 4)
    paths = [tmp_path / f"{number:02d}.parquet" for number in range(len(parts))]
    for path, part in zip(paths, parts, strict=True):
        write_sorted(path, part, "confidence")
    opened = []
    own = outputs._rows
    monkeypatch.setattr(outputs, "_rows", lambda path: opened.append(path) or own(path))
    merged = pd.concat(merge_sorted(paths, "confidence"))
    pd.testing.assert_frame_equal(merged, pd.concat(parts).sort_values("confidence", kind="stable"))
    assert len(opened) > len(parts)  # in rounds
