"""Sentences of scores.md: the best expert and policy, and the jobs' environment."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from helpers.configs import tiny_config

from latefusion.config import Experiment
from latefusion.scores.environment import run_section
from latefusion.scores.notes import methods_note
from latefusion.scores.tables import best_expert, best_policy
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_json


def test_a_rule_may_be_the_best_policy():
    rows = [
        ("one", "policy", "valid", 0.7), ("one", "policy", "test", 0.9), ("product", "rule", "valid", 0.8),
        ("expert", "text", "valid", 0.9), ("vote", "vote", "valid", 0.95),
    ]  # fmt: skip
    scores = pd.DataFrame(rows, columns=["method", "kind", "split", "value"]).assign(metric="macro_f1")
    assert best_policy(scores) == "product"
    assert best_policy(scores[scores["kind"] == "text"]) is None


def environments(records: dict[str, dict | None], folder) -> str:
    for name, environment in records.items():
        record = {"run": "x"} if environment is None else {"run": "x", "environment": environment}
        write_json(folder / name / "job.json", record)
    return run_section(finished(set(records), folder))


def finished(names: set[str], folder: Path) -> SimpleNamespace:
    """Results of an experiment whose jobs of these names are done."""
    jobs = {name: SimpleNamespace(name=name) for name in names}
    return SimpleNamespace(done=names, jobs=jobs, experiment=SimpleNamespace(run_root=folder))


def test_the_environment_is_one_line_where_all_jobs_agree(tmp_path):
    same = {"device": "cpu", "mixed_precision": "no", "versions": {"torch": "2.15", "timm": "1.0"}, "code": None}
    section = environments({"a": same, "b": same}, tmp_path)
    assert section == ("## Run\n\nAll jobs: device cpu, mixed precision no, torch 2.15, timm 1.0, code not recorded.")


def test_the_environment_is_listed_by_job_where_they_differ(tmp_path):
    cpu, gpu = {"device": "cpu", "threads": 2}, {"device": "NVIDIA H100", "threads": 2}
    section = environments({"a": cpu, "b": gpu, "c": cpu}, tmp_path)
    assert section == "## Run\n\nAll jobs: threads 2.\n\n- device differs: cpu (a, c); NVIDIA H100 (b)"
    section = environments({"a": cpu, "b": None, "c": cpu}, tmp_path)
    assert "- threads differs: 2 (a, c); not recorded (b)" in section
    assert environments({"a": None, "b": None, "c": None}, tmp_path) == "## Run\n\nEnvironment: not recorded."


def test_folds_and_final_fits_that_differ_are_told_apart(tmp_path):
    cpu, gpu = {"device": "cpu"}, {"device": "GPU"}
    parts = {"image/fold-0": gpu, "image/fold-1": gpu, "image/fold-none": cpu, "image": cpu, "a/fold-0": cpu, "a": cpu}
    section = environments(parts, tmp_path)
    assert "- device differs: cpu (a, image joined, image's final fit); GPU (image's folds)" in section
    section = environments({"image/fold-0": gpu, "image/fold-1": cpu}, tmp_path)
    assert "- device differs: GPU (image/fold-0); cpu (image/fold-1)" in section


def test_a_damaged_record_of_the_environment_is_named(tmp_path):
    write_json(tmp_path / "a" / "job.json", ["x"])
    with pytest.raises(InputError, match=r"a/job.json: it is not a JSON object"):
        run_section(finished({"a"}, tmp_path))


def test_the_best_expert_is_chosen_without_a_look_at_test():
    rows = [
        ("a", "text", "valid", 0.6),
        ("a", "text", "test", 0.5),
        ("b", "image", "valid", 0.5),
        ("b", "image", "test", 0.7),
    ]
    rows += [("c", "joint", "valid", 0.9)]  # fuses already
    scores = pd.DataFrame(rows, columns=["method", "kind", "split", "value"]).assign(metric="macro_f1")
    assert best_expert(scores) == "a"


def influences(**epochs: str) -> str:
    """Return how labels still influence decisions, for experts with these choices of their epoch."""
    config = tiny_config() | {"name": "tiny"}
    experts = config["experts"]
    del experts["dcl_late"]
    config["policies"]["two_layers"]["experts"] = ["camembert", "cnn_raw"]
    for name, epoch in epochs.items():
        experts[name] = experts[name] | {"train": experts[name]["train"] | {"epoch": epoch}}
    scores = pd.DataFrame([("tfidf", "text", "valid", 9, "macro_f1", 0.5)],
                          columns=["method", "kind", "split", "n", "metric", "value"])  # fmt: skip
    dataset = SimpleNamespace(fusion_split="valid")
    results = SimpleNamespace(experiment=Experiment.model_validate(config), dataset=dataset, final_split="test")
    return methods_note(results, scores).partition("Remaining ways")[2]


def test_experts_that_use_the_last_epoch_are_named_as_no_influence_of_labels():
    assert "the epochs of camembert, cnn_raw, dcl_clean, and" in influences()
    assert "dcl_clean, frozen started from another" in influences()
    some = influences(camembert="last", cnn_clean="last")
    assert "the epochs of cnn_raw, dcl_clean, and" in some
    assert ": frozen started from another" in some or "; frozen started from another" in some
    assert influences(camembert="last", cnn_raw="last", cnn_clean="last", dcl_clean="last") == ""
