"""`make compare`: its scores and intervals, the report, the baseline in scikit-learn, what AutoGluon is given."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from autogluon_run import write_inputs, write_timm_folder
from baselines import Outcome, Seconds, tfidf_logistic
from compare import parse, read_setting, slug
from comparison import Run, describe, scores
from safetensors.torch import save_file

from latefusion.metrics.f1 import METRICS
from latefusion.scores.intervals import bootstrap
from latefusion.utils.errors import InputError

CLASSES = ["a", "b", "c", "d"]


def make_run(seed: int, n: int = 400, first: int = 0, **accuracies: float) -> Run:
    """Return a run on `n` products with ids from `first`, in which each method is right with its accuracy."""
    rng = np.random.default_rng(seed)
    targets = rng.integers(len(CLASSES), size=n)
    outcomes = {}
    for name, accuracy in accuracies.items():
        preds = np.where(rng.random(n) < accuracy, targets, rng.integers(len(CLASSES), size=n))
        outcomes[name] = Outcome(np.array(CLASSES, dtype=object)[preds], Seconds(10, 20))
    return Run(pd.Index([f"p{first + number:06d}" for number in range(n)]), targets, CLASSES, 1000, outcomes)


def spread(runs: dict[int, Run]) -> float:
    return scores(runs, ["ours"])[1]["accuracy"][0].std()


def test_scores_of_one_run_are_those_of_the_score_table():
    run = make_run(0, ours=0.8, other=0.6)
    values, draws = scores({0: run}, ["ours", "other"])
    preds = np.stack([run.preds("ours"), run.preds("other")])
    expected = bootstrap(run.targets, preds, len(CLASSES))
    for metric, function in METRICS.items():
        assert values[metric].tolist() == [function(run.targets, row) for row in preds]
        np.testing.assert_array_equal(draws[metric], expected[metric])


def test_runs_on_other_products_narrow_the_interval_and_the_same_products_again_do_not():
    alone = spread({0: make_run(0, ours=0.7)})
    assert spread({seed: make_run(0, ours=0.7) for seed in range(4)}) == pytest.approx(alone)
    elsewhere = {seed: make_run(seed, first=1000 * seed, ours=0.7) for seed in range(4)}
    assert spread(elsewhere) == pytest.approx(alone / 2, rel=0.15)


def test_the_mean_over_runs_is_of_scores_whatever_the_number_of_products():
    runs = {0: make_run(0, n=50, ours=0.9), 1: make_run(1, n=500, first=50, ours=0.3)}
    means = [scores({seed: run}, ["ours"])[0]["macro_f1"][0] for seed, run in runs.items()]
    assert scores(runs, ["ours"])[0]["macro_f1"][0] == pytest.approx(np.mean(means))


def cells(report: str, method: str) -> list[str]:
    row = next(line for line in report.splitlines() if line.startswith(f"| {method} "))
    return [cell.strip() for cell in row.split("|")[2:-1]]


def test_the_report_has_scores_paired_gains_and_time():
    run = make_run(0, ours=1.0, same=1.0, worse=0.5)
    report = describe("shop", "one core", {0: run})
    assert cells(report, "method")[:3] == ["accuracy", "macro_f1", "weighted_f1"]
    assert cells(report, "ours") == ["100.0 [100.0, 100.0]"] * 3 + ["", "", "10", "20"]
    assert cells(report, "same")[3:5] == ["+0.0 [+0.0, +0.0]"] * 2
    gain, interval = cells(report, "worse")[3].split(maxsplit=1)
    low, high = map(float, interval.strip("[]").split(", "))
    assert float(gain) == pytest.approx(100 * (run.targets != run.preds("worse")).mean(), abs=0.05)
    assert 0 < low < float(gain) < high
    assert "400 test products, 1000 labelled products to learn from, 4 classes" in report
    assert "one core" in report
    assert "seed 0" not in report


def test_a_method_that_fails_for_one_seed_is_no_mean_and_says_why():
    runs = {seed: make_run(seed, ours=0.9, other=0.8) for seed in (1, 2)}
    runs[1].outcomes["other"] = Outcome(note="other is not installed")
    for run in runs.values():
        run.outcomes["ours"] = Outcome(run.outcomes["ours"].labels, None, "about ours")
    report = describe("shop", "one core", runs)
    assert cells(report, "other") == ["not run"] + [""] * 6
    assert cells(report, "ours")[-2:] == ["", ""]
    assert "\n\nSeed 1: other is not installed\n" in report
    assert report.count("about ours") == 1
    by_seed = report.splitlines()[-9:]
    ours = next(line for line in by_seed if line.startswith("| ours"))
    expected = [f"{100 * METRICS['accuracy'](run.targets, run.preds('ours')):.1f}" for run in runs.values()]
    assert [cell.split(",")[0].strip() for cell in ours.split("|")[2:-1]] == expected


def test_a_label_that_is_no_class_is_refused():
    run = make_run(0, ours=0.9)
    run.outcomes["odd"] = Outcome(np.full(400, "e", dtype=object))
    with pytest.raises(ValueError, match="odd predicted 'e'"):
        describe("shop", "one core", {0: run})


@pytest.mark.parametrize("tuned", [False, True])
def test_the_baseline_reads_titles_and_descriptions(tuned):
    """Half of the products name their class in the title, the others in the description."""
    labels = np.array(["lamp", "shoe", "mug"] * 30, dtype=object)
    in_title = np.arange(len(labels)) // 3 % 2 == 0
    title = np.where(in_title, "red " + labels, "red thing")
    description = np.where(in_title, None, labels + " for you")
    products = pd.DataFrame({"title": title, "description": description, "label": labels})
    outcome = tfidf_logistic(products[:60], products[60:].drop(columns="label"), tuned=tuned)
    assert (outcome.labels == labels[60:]).all()
    assert outcome.seconds.wall > 0


@pytest.mark.parametrize("tuned", [False, True])
def test_the_baseline_takes_classes_of_one_product_each(tuned):
    """More classes than half of the products: scikit-learn would warn, and warnings are errors here."""
    labels = [f"c{number}" for number in range(30)]
    products = pd.DataFrame({"title": [f"word{label} thing" for label in labels], "description": None, "label": labels})
    assert (tfidf_logistic(products, products, tuned=tuned).labels == labels).all()


def test_autogluon_gets_every_cell_as_it_is(tmp_path):
    train = pd.DataFrame(
        {
            "title": ["NA", 'a "quoted", one\nin two lines', "null"],
            "description": [None, None, None],
            "image": ["images/1.jpg", None, "images/3.jpg"],
            "label": ["007", "NA", "1.0"],
            "group": [0, 1, 2],
        },
        index=pd.Index(["001", "NA", "3"], name="id"),
    )
    test = train.assign(description="told", label=None).iloc[:2]
    write_inputs(train, test, Path("shop"), tmp_path / "new")
    read = pd.read_csv(tmp_path / "new/train.csv", dtype=str, keep_default_na=False, index_col="id")
    assert list(read.columns) == ["title", "image", "label"]  # no description has any text
    assert read["title"].to_dict() == train["title"].to_dict()
    assert read["label"].to_dict() == train["label"].to_dict()
    assert read["image"].to_list() == [
        str(Path("shop/images/1.jpg").resolve()),
        "",
        str(Path("shop/images/3.jpg").resolve()),
    ]
    read = pd.read_csv(tmp_path / "new/test.csv", dtype=str, keep_default_na=False, index_col="id")
    assert (list(read.columns), list(read.index)) == (["title", "image"], ["001", "NA"])


def test_timm_weights_are_written_without_the_classifier(no_hub, tmp_path):
    model = "test_efficientnet.r160_in1k"
    network = timm.create_model(model, pretrained=False)
    folder = tmp_path / "weights/pretrained" / model
    folder.mkdir(parents=True)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    written = Path(write_timm_folder(model, tmp_path / "for_autogluon"))
    weights = torch.load(written / "pytorch_model.bin", weights_only=True)
    headless = timm.create_model(model, pretrained=False, num_classes=0)
    headless.load_state_dict(weights)
    assert all(torch.equal(weights[key], network.state_dict()[key]) for key in weights)
    facts = json.loads((written / "config.json").read_text())
    assert facts["architecture"] == "test_efficientnet"
    assert facts["num_features"] == network.num_features
    assert facts["mean"] == list(network.pretrained_cfg["mean"])


def test_settings_are_numbers_or_text():
    assert read_setting("optim.max_epochs=5") == ("optim.max_epochs", 5)
    assert read_setting("optim.top_k_average_method=best") == ("optim.top_k_average_method", "best")
    with pytest.raises(InputError, match="write KEY=VALUE"):
        read_setting("optim.max_epochs")


def test_names_of_folders_become_names_of_experiments(tmp_path):
    assert slug(tmp_path / "My shop (2024)") == "My-shop-2024"
    assert slug(Path("/")) == "catalogue"
    assert len(slug(tmp_path / ("x" * 200))) <= 40


def test_the_default_config_is_that_of_own_catalogues():
    args = parse(["shop", "--seeds", "1", "2"])
    assert (args.config.name, args.seeds) == ("catalogue.yaml", [1, 2])
