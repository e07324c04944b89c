"""A new kind of expert, or of policy, is three edits: a config class, a module and a row."""

from typing import Annotated

import numpy as np
import pandas as pd
import pytest
from helpers.majority import MajorityExpert, MedianPolicy, fit_medians, load_median
from helpers.tables import shop_products, table_config, write_table
from pydantic import Field

from latefusion.config import Experiment, NetworkPolicy, RulePolicy, TfidfExpert, load_experiment
from latefusion.experts.kinds import EXPERTS, ExpertKind
from latefusion.fusion.kinds import POLICIES, PolicyKind
from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json


class ContributedExperiment(Experiment):
    """The config with two more members in its unions: the edit of `config/experts` and of `config/fusion`."""

    experts: dict[str, Annotated[TfidfExpert | MajorityExpert, Field(discriminator="kind")]]
    policies: dict[str, Annotated[NetworkPolicy | RulePolicy | MedianPolicy, Field(discriminator="kind")]]


@pytest.fixture
def contributed(monkeypatch) -> None:
    """The three edits, made: the config classes, the module `helpers.majority` and a row in each table."""
    monkeypatch.setattr("latefusion.config.loading.Experiment", ContributedExperiment)
    monkeypatch.setitem(EXPERTS, "majority", ExpertKind("helpers.majority:train_majority", uses_accelerator=False))
    monkeypatch.setitem(POLICIES, "median", PolicyKind(fit_medians, load_median))


def config_with_new_kinds() -> dict:
    config = table_config()
    config["experts"]["common"] = {"kind": "majority", "smoothing": 2}
    members = {"experts": ["tfidf", "common"], "n_folds": 3}
    config["policies"] = {
        "middle": {"kind": "median"} | members,
        "learnt": {"kind": "network", "epochs": 5, "batch_size": 4} | members,
    }
    return config | {"vote": {"members": ["middle", "learnt"]}}


@pytest.mark.usefixtures("contributed")
def test_new_kinds_go_through_plan_training_fusion_vote_and_scores(workspace, monkeypatch, capsys):
    write_table(workspace, "products.csv", shop_products())
    workspace.write_config(config_with_new_kinds())
    monkeypatch.chdir(workspace.folder)
    job = workspace.jobs()["experts/common"]
    assert (job.kind, job.step, [need.name for need in job.needs]) == ("majority", "text", ["catalogue"])
    workspace.run_all()
    assert {job.state() for job in workspace.jobs().values()} == {"done"}

    products, run_dir = workspace.read_products(), workspace.run_root / "experts/common"
    files = {"config.yaml", "job.json", "metrics.json", "valid_probs.parquet", "test_probs.parquet"}
    assert {path.name for path in run_dir.iterdir()} == files
    counts = products.loc[products["split"] == "train", "label"].value_counts() + 2
    for split in ("valid", "test"):
        probs = pd.read_parquet(run_dir / f"{split}_probs.parquet")
        assert set(probs.index) == set(products.index[products["split"] == split])
        assert np.allclose(probs, (counts / counts.sum())[probs.columns], atol=1e-6)
    assert sum(read_json(run_dir / "metrics.json")["counts"]) == (products["split"] == "train").sum()

    tables = [workspace.run_root / folder for folder in ("experts/tfidf", "experts/common", "policies/middle")]
    words, common, middle = (pd.read_parquet(folder / "test_probs.parquet") for folder in tables)
    assert np.allclose(middle, (words.loc[middle.index] + common.loc[middle.index]) / 2, atol=1e-6)
    assert (workspace.run_root / "policies/middle/median.txt").exists()

    scores = workspace.read_scores()
    assert scores.groupby("method")["kind"].first()[["common", "middle"]].tolist() == ["text", "rule"]
    labels = products.loc[products["split"] == "test", "label"]
    accuracy = scores.query("method == 'common' and split == 'test' and metric == 'accuracy'")["value"]
    assert accuracy.item() == pytest.approx((labels == counts.idxmax()).mean())
    submission = pd.read_csv(workspace.folder / "submissions/tiny/predictions.tsv", sep="\t")
    assert set(submission["id"]) == set(labels.index)

    workspace.run("02_train_text.py", "--list")
    assert "majority" in capsys.readouterr().out
    workspace.run("02_train_text.py", "--set", "experts.common.smoothing=3")
    stale = {job.name for job in workspace.jobs("experts.common.smoothing=3").values() if job.state() != "done"}
    assert stale == {"middle", "learnt", "vote", "submission"}


def test_without_the_edits_the_kinds_are_unknown(workspace):
    workspace.write_config(config_with_new_kinds())
    with pytest.raises(InputError, match=r"experts\.common\.kind: unknown value 'majority'"):
        load_experiment(workspace.config)
    with pytest.raises(InputError, match=r"policies\.middle\.kind: unknown value 'median'"):
        load_experiment(workspace.config)
