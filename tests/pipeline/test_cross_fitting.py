"""A cross-fitted experiment from end to end: every kind of expert in folds, and labels that mean nothing."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers.configs import TINY_TRANSFORMER
from helpers.policies import PAIR, READS
from helpers.tables import draw_titles, table_config, write_table
from helpers.workspace import Workspace

from latefusion.dataset.split import groups_of
from latefusion.experts.text.tfidf import TfidfClassifier, texts
from latefusion.fusion.kinds import POLICIES
from latefusion.metrics.f1 import METRICS
from latefusion.plan.jobs import DONE, Job, done_jobs
from latefusion.scores.results import Results
from latefusion.tables.dataset import read_dataset
from latefusion.tables.probabilities import read_split_probs
from latefusion.utils.files import read_json


def test_every_kind_of_expert_is_cross_fitted(cross_fitted, monkeypatch):
    monkeypatch.chdir(cross_fitted.folder)
    experiment = cross_fitted.experiment()
    dataset = read_dataset(experiment)
    held_out = dataset.fusion_products["fold"].to_numpy()
    assert set(held_out) == {0, 1}
    for name in experiment.experts:
        oof, test = (read_split_probs(experiment.expert_dir(name), split, dataset) for split in ("oof", "test"))
        of_folds = []
        for fold in experiment.folds:
            view = read_dataset(fold)
            assert np.array_equal(
                oof[held_out == fold.held_out[0]], read_split_probs(fold.expert_dir(name), "valid", view)
            )
            of_folds.append(read_split_probs(fold.expert_dir(name), "test", view))
        assert np.allclose(test, np.mean(of_folds, axis=0), atol=1e-7) != experiment.experts[name].refits
        assert not np.allclose(of_folds[0], of_folds[1])
        assert len(read_json(experiment.expert_dir(name) / "metrics.json")["folds"]) == 2


def test_a_linear_expert_predicts_test_products_by_a_fit_on_all_labelled_products(cross_fitted, monkeypatch):
    monkeypatch.chdir(cross_fitted.folder)
    experiment = cross_fitted.experiment()
    dataset, expert = read_dataset(experiment), experiment.experts["tfidf"]
    labelled, test = (dataset.select("train"), dataset.evaluation_splits["test"])
    model = TfidfClassifier(expert).fit(
        texts(labelled, expert), dataset.targets(labelled), groups_of(labelled, dataset.split)
    )
    assert np.array_equal(
        model.predict_proba(texts(test, expert)), read_split_probs(experiment.expert_dir("tfidf"), "test", dataset)
    )


def test_scores_have_out_of_fold_rows_of_every_method(cross_fitted):
    scores = cross_fitted.read_scores()
    assert set(scores["split"]) == {"oof", "test"}
    n_held_out = cross_fitted.read_products()["fold"].notna().sum()
    assert (scores.loc[scores["split"] == "oof", "n"] == n_held_out).all()
    report = (cross_fitted.folder / "submissions/tiny/scores.md").read_text()
    assert "oof macro_f1" in report
    assert "Fold 0. Label issues" in report
    assert "Fold 1. Label issues" in report


def test_each_job_is_looked_at_once(cross_fitted, monkeypatch):
    """However many other jobs need it: with nested folds, hundreds of ways lead to the same job."""
    monkeypatch.chdir(cross_fitted.folder)
    looked_at, find = [], Job._find_status
    monkeypatch.setattr(
        Job, "_find_status", lambda job, reads, known: looked_at.append((job.key, reads)) or find(job, reads, known)
    )
    jobs = cross_fitted.jobs()
    assert len(done_jobs(jobs.values())) == len(jobs)
    assert len(looked_at) == len(set(looked_at)) >= len(jobs)


def test_a_fold_is_repeated_alone_and_its_equal_results_make_nothing_stale(cross_fitted, monkeypatch, tmp_path):
    copy = cross_fitted.copy(tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    before = copy.snapshot()
    copy.run("02_train_text.py", "--redo", "tfidf/fold-1")
    assert all(job.state() == DONE for job in copy.jobs().values())
    changed = {name for name, content in copy.snapshot().items() if before[name] != content}
    assert changed == {"weights/tiny/folds/1/experts/tfidf/job.json"}


def test_only_the_folds_that_are_missing_are_trained_again(cross_fitted, monkeypatch, tmp_path, caplog):
    copy = cross_fitted.copy(tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    (copy.run_root / "folds/0/experts/cnn_raw/valid_probs.parquet").unlink()
    with caplog.at_level("INFO"):
        copy.run("04_train_image.py", "--only", "cnn_raw")
    assert "cnn_raw/fold-0: starts again: valid_probs.parquet is missing" in caplog.text
    assert "cnn_raw/fold-1: already done" in caplog.text
    assert all(job.state() == DONE for job in copy.jobs().values())


def test_a_damaged_fold_is_named_with_the_command_that_makes_it_again(cross_fitted, monkeypatch, tmp_path, capsys):
    copy = cross_fitted.copy(tmp_path / "copy")
    monkeypatch.chdir(copy.folder)
    path = copy.run_root / "folds/1/experts/tfidf/valid_probs.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    (copy.run_root / "experts/tfidf/oof_probs.parquet").unlink()
    with pytest.raises(SystemExit):
        copy.run("02_train_text.py", "--only", "tfidf")
    error = capsys.readouterr().err
    assert "weights/tiny/folds/1/experts/tfidf is damaged: valid_probs.parquet has changed" in error
    assert f"python src/02_train_text.py --config {copy.config} --only tfidf/fold-1" in error


def test_an_experiment_with_a_valid_split_is_prepared_again_for_folds(workspace, monkeypatch):
    titles, targets = draw_titles(120, seed=0)
    rows = [{"id": f"p{n}", "title": title, "label": f"c{targets[n] % 3}"} for n, title in enumerate(titles)]
    write_table(workspace, "products.csv", rows)
    workspace.write_config(table_config())
    workspace.run_all()
    folds = ("--set", "split={n_folds: 3, test_fraction: 0.25}")
    workspace.run_all(*folds)
    assert set(workspace.read_scores()["split"]) == {"oof", "test"}
    assert (workspace.folder / "submissions/tiny/predictions.tsv").is_file()


def test_folds_that_hold_out_nothing_are_refused_before_training(workspace, capsys):
    """Forty classes of two products: no class is in three folds, so nested folds can hold out none of them."""
    rows = [{"id": f"p{n}", "title": f"lamp {n}", "label": f"c{n // 2}"} for n in range(80)]
    rows += [{"id": f"q{n}", "title": f"shoe {n}", "label": "shoe"} for n in range(3)]
    write_table(workspace, "products.csv", [*rows, {"id": "new", "title": "lamp", "label": ""}])
    policies = {"mean": {"kind": "mean", "experts": ["tfidf"]}}
    split = {"n_folds": 5, "nested": True}
    workspace.write_config(table_config() | {"split": split, "policies": policies, "vote": {"members": ["mean"]}})
    with pytest.raises(SystemExit):
        workspace.run("01_prepare.py")
    error = capsys.readouterr().err
    assert re.search(r"split.n_folds 5: fold \d holds out no product.*lower n_folds, or set nested to false", error)


def test_nested_folds_are_added_to_plain_ones_and_nothing_is_trained_again(workspace, monkeypatch):
    config = shuffled(workspace, 80)
    policies = {"logistic": {"kind": "logistic", "experts": ["tfidf", "words"], "n_folds": 4}}
    config |= {"policies": policies, "submit": "best"}
    monkeypatch.chdir(workspace.folder)
    workspace.write_config(config)
    workspace.run_all()
    folds = sorted(workspace.run_root.glob("folds/?/experts/*/job.json"))
    assert len(folds) == 2 * 4
    before = {path: path.read_bytes() for path in folds}
    decided = (workspace.run_root / "policies/logistic/oof_probs.parquet").read_bytes()
    workspace.write_config(config | {"split": config["split"] | {"nested": True}})
    workspace.run_all()
    assert {path: path.read_bytes() for path in folds} == before
    assert (workspace.run_root / "policies/logistic/oof_probs.parquet").read_bytes() != decided


def shuffled(workspace: Workspace, n: int, **split) -> dict:
    """Write a table of titles with labels that mean nothing, and return a config with every kind of policy."""
    titles, _ = draw_titles(n, seed=1)
    labels = np.random.default_rng(0).integers(N_CLASSES, size=n)
    rows = [
        {"id": f"p{row}", "title": title, "label": f"c{labels[row]}", "split": "train" if row % 5 else "test"}
        for row, title in enumerate(titles)
    ]
    write_table(workspace, "products.csv", rows)
    return table_config(split="split") | {
        "split": {"n_folds": 4, **split},
        "experts": {
            "tfidf": {"kind": "tfidf", "min_df": 1, "n_folds": 3},
            "words": {"kind": "tfidf", "min_df": 1, "char_ngrams": "none", "n_folds": 2, "regularisation": [100]},
        },
        "policies": {kind: {"n_folds": 4, "kind": kind} | READS.get(kind, PAIR) for kind in POLICIES},
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


@pytest.mark.parametrize("nested", [False, True])
def test_in_nested_folds_no_label_moves_its_own_row(workspace, monkeypatch, nested):
    """Two products of a fold change labels, all is trained again, and their rows stay what they were, to the last bit.

    Without nested folds, those of policies that learn move: they learn from experts that were trained on these labels.
    """
    workspace.write_config(shuffled(workspace, 120, nested=nested))
    monkeypatch.chdir(workspace.folder)
    before = run_and_read(workspace)
    products = workspace.read_products()
    monkeypatch.setattr("latefusion.steps.splitting.assign_held_out_folds", lambda *_, **__: products["fold"])
    in_fold = products[products["fold"] == 2]
    first = in_fold.index[0]
    second = in_fold.index[in_fold["label"] != in_fold["label"].iloc[0]][0]
    table = workspace.folder / "shop/products.csv"
    rows = pd.read_csv(table, dtype=str, index_col="id")
    rows.loc[[first, second], "label"] = rows.loc[[second, first], "label"].to_numpy()
    rows.to_csv(table)
    after = run_and_read(workspace)
    moved = {name for name in before if not before[name].loc[[first, second]].equals(after[name].loc[[first, second]])}
    assert not moved & {"tfidf", "words", "mean", "max", "product"}
    assert bool(moved) != nested


def run_and_read(workspace: Workspace) -> dict[str, pd.DataFrame]:
    """Run the experiment without its vote; return the out-of-fold probabilities of every expert and policy."""
    for script in ("01_prepare.py", "02_train_text.py", "07_fuse.py"):
        workspace.run(script)
    return {path.parent.name: pd.read_parquet(path) for path in workspace.run_root.glob("[ep]*/*/oof_probs.parquet")}


N_CLASSES = 4
MINILM = "sentence-transformers/all-MiniLM-L6-v2"  # of a package in requirements.txt


def test_with_shuffled_labels_every_row_of_the_cross_fitted_table_is_chance(workspace, monkeypatch):
    """Within three standard errors of what the same decisions get on the labels in any other order."""
    config = shuffled(workspace, 500)
    experts = config["experts"] | {"words": TINY_TRANSFORMER, "probe": {"kind": "text_probe", "model": MINILM}}
    policies = {
        kind: policy if kind in ("select", *READS) else policy | {"experts": list(experts)}
        for kind, policy in config["policies"].items()
    }
    workspace.write_config(config | {"experts": experts, "policies": policies})
    workspace.run_all()
    monkeypatch.chdir(workspace.folder)
    experiment = workspace.experiment()
    results = Results(experiment, read_dataset(experiment))
    assert {method.name for method in results.methods} >= {*POLICIES, *experts, "vote"}
    for method, split, preds in results.all_preds():
        targets, rng = results.targets[split], np.random.default_rng(0)
        for metric in METRICS.values():
            at_random = [metric(rng.permutation(targets), preds) for _ in range(200)]
            # What was learnt from meaningless labels of the other folds is rather wrong than right: a fold with more
            # products of a class has left fewer of them to the others. So scores may be lower than that, not higher.
            distance = (metric(targets, preds) - np.mean(at_random)) / (np.std(at_random) + 1e-9)
            assert -5 <= distance <= 3, (method.name, split, distance)
    shares = workspace.read_products()["label"].value_counts(normalize=True)
    assert shares.max() < 0.3  # so that a method which always gives one class is not above chance
