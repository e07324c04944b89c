"""Probability tables are keyed by id and refuse what is no probability."""

import numpy as np
import pandas as pd
import pytest

from latefusion.probs import read_probs, write_probs

IDS = pd.Index(["b", "a", "c"], name="id")
CLASSES = ["10", "40"]
PROBS = np.array([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])


def test_rows_come_back_in_the_order_asked_for(tmp_path):
    write_probs(tmp_path / "p.parquet", IDS, PROBS, CLASSES)
    assert (read_probs(tmp_path / "p.parquet", IDS[[2, 0, 1]], CLASSES) == PROBS[[2, 0, 1]]).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.9])
def test_what_does_not_sum_to_one_is_refused_by_id(tmp_path, bad):
    probs = PROBS.copy()
    probs[1, 0] = bad
    with pytest.raises(ValueError, match="id a sums to"):
        write_probs(tmp_path / "p.parquet", IDS, probs, CLASSES)
    assert not list(tmp_path.iterdir())


def test_other_ids_or_classes_are_refused(tmp_path):
    path = tmp_path / "p.parquet"
    write_probs(path, IDS, PROBS, CLASSES)
    with pytest.raises(ValueError, match="other classes"):
        read_probs(path, IDS, ["40", "10"])
    for ids in (IDS[:2], pd.Index(["b", "a", "d"])):
        with pytest.raises(ValueError, match="other products"):
            read_probs(path, ids, CLASSES)
