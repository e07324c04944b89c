"""Cards: the hub reads their scores, names of classes are text, and no licence is guessed."""

import dataclasses
import re

import numpy as np
import pytest
import timm  # noqa: F401, here: as it is imported it starts a process, which a test may not
import yaml
from helpers.report import class_name, make_results, make_results_of_several_labels
from helpers.results import CNN, MadeUp, make_up
from huggingface_hub import ModelCard
from safetensors.numpy import save_file

from latefusion.config import Experiment
from latefusion.plan import licences
from latefusion.plan.licences import UNKNOWN, find_licence
from latefusion.scores.cards import experiment_card
from latefusion.scores.cards.experts import count_parameters, pretrained_weights
from latefusion.scores.cards.markdown import escape
from latefusion.scores.tables import score_table
from latefusion.scores.write import write_scores
from latefusion.utils.files import write_json, write_text

HEADINGS = ["Data", "Experts", "Policies", "Scores", "Limits"]
DUPLICATES = {
    "split": "stratified",
    "groups": {"by_either": {"groups": 1, "products": 2, "largest": 2}},
    "twins_in_train": {
        name: {"test": {"products": 200, "either": number}} for name, number in {"stratified": 4, "grouped": 0}.items()
    },
}


def card_of(made: MadeUp) -> str:
    """Write the scores and the card as the script does."""
    write_json(made.experiment.run_root / "catalogue/duplicates.json", DUPLICATES)
    write_scores(made.experiment, made.dataset, card=experiment_card)
    return (made.experiment.submission_dir / "README.md").read_text(encoding="utf-8")


def headings(card: str) -> list[str]:
    return [line.removeprefix("## ") for line in card.splitlines() if line.startswith("## ")]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        yield make_results(tmp_path_factory.mktemp("card"), patch)


@pytest.fixture(scope="module")
def card(made) -> str:
    return card_of(made)


def test_the_hub_reads_the_scores_of_the_submitted_method(made, card):
    data = ModelCard(card).data
    found = {result.metric_name: result.metric_value for result in data.eval_results}
    scores, _ = score_table(made.results)
    own = scores[(scores["method"] == "vote") & (scores["split"] == "test")]
    assert [round(value, 4) for value in own["value"]] == list(found.values())
    assert (data.license, data.base_model, data.library_name) == ("unknown", None, "latefusion")


def test_names_of_classes_are_text(card):
    assert "<b>" not in re.sub(r"\\<", "", card)
    assert any(escape(class_name(number)[:60]) in card for number in range(60))
    assert escape("a|b\n<i>*x*</i> [y](z) `c` $d$") == r"a\|b \<i\>\*x\*\</i\> \[y\](z) \`c\` \$d\$"


def test_the_config_in_the_card_is_that_of_the_experiment(made, card):
    config = yaml.safe_load(re.search(r"```yaml\n(.*?)```", card, re.DOTALL)[1])
    again = Experiment.model_validate(config)
    assert again.model_dump() == made.experiment.model_dump()


def test_the_card_says_what_was_cleaned_and_what_the_scores_do_not_say(card):
    assert headings(card)[:5] == HEADINGS
    assert "Denoising: 5 products removed" in card
    assert "4 of 200 held-out test products (2.0%) have a near-duplicate in train" in card
    assert "Near-duplicates of training products may be among the scored ones" in card
    assert "No expert starts from pretrained weights." in card


def several_labels(folder, patch) -> MadeUp:
    return make_results_of_several_labels(folder, patch)


def one_expert(folder, patch) -> MadeUp:
    """Return an experiment of one text expert, without images and without labels of test products."""
    made = make_up(folder, patch, experts={"words": {"kind": "tfidf"}}, policies={"only": {"experts": ["words"]}})
    products = made.dataset.products.assign(description=None, image=None)
    made = dataclasses.replace(made, dataset=dataclasses.replace(made.dataset, products=products))
    made.draw("words", 0.7)
    made.submit()
    return made.with_test_labels(lambda labels: None)


@pytest.mark.parametrize(
    ("make", "tag", "expected"),
    [
        (several_labels, None, "labels on average"),
        (one_expert, "text-classification", "No label of a test product is known"),
    ],
)
def test_every_experiment_has_a_card(make, tag, expected, tmp_path, monkeypatch):
    card = card_of(make(tmp_path, monkeypatch))
    assert set(HEADINGS) - {"Policies"} <= set(headings(card))
    assert (ModelCard(card).data.pipeline_tag, expected in card) == (tag, True)
    assert not re.search(r"\bnan\b", card)


def test_before_anything_is_submitted_the_card_says_so(tmp_path, monkeypatch):
    made = make_up(tmp_path, monkeypatch)
    products = made.dataset.products.assign(description=None, image=None)
    made = dataclasses.replace(made, dataset=dataclasses.replace(made.dataset, products=products))
    made.draw("words", 0.7)
    card = card_of(made)
    assert "Nothing is submitted yet" in card
    assert ModelCard(card).data.eval_results is None


def test_a_licence_that_nobody_states_is_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_licence("almanach/camembert-base", "almanach/camembert-base").licence == "mit"
    assert find_licence("someone/model", "someone/model").licence == UNKNOWN
    assert find_licence("vectors.txt", None).licence == UNKNOWN
    assert find_licence("pretrained/glove.6B.300d.txt", None).licence == "pddl"
    package = find_licence("tf_efficientnet_lite0", "timm/tf_efficientnet_lite0")
    assert (package.hub_id, package.licence) == ("timm/tf_efficientnet_lite0.in1k", "apache-2.0")
    of_timm = find_licence("resnet50.tv_in1k", "timm/resnet50.tv_in1k")
    assert (of_timm.hub_id, of_timm.licence) == ("timm/resnet50.tv_in1k", "bsd-3-clause")


def test_weights_of_ones_own_have_the_licence_of_their_own_card(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_text(tmp_path / "mine/model.safetensors", "weights")
    monkeypatch.setattr(licences, "local_folder", lambda model: tmp_path / model)
    assert find_licence("mine", "mine").licence == UNKNOWN
    for header, expected in {
        "license: cc-by-nc-4.0": "cc-by-nc-4.0", "license: other\nlicense_name: ours": "ours", "tags: [a]": UNKNOWN,
        "license: [": UNKNOWN,
    }.items():  # fmt: skip
        write_text(tmp_path / "mine/README.md", f"---\n{header}\n---\n# Mine\n")
        found = find_licence("mine", "mine")
        assert (found.licence, found.hub_id) == (expected, None)


def test_experts_that_continue_others_are_bound_by_the_same_licences():
    experts = {
        "base": {"kind": "cnn", "model": "resnet50.tv_in1k"},
        "dcl": {"kind": "dcl", "start_from": "base", "train": {"keep_last": 1}},
        "late": {"kind": "late", "of": "dcl"},
        "scratch": CNN,
    }
    experiment = Experiment.model_validate(
        {"name": "made", "catalogue": {"format": "table", "root": "."}, "experts": experts,
         "policies": {"both": {"experts": ["late", "scratch"]}}}
    )  # fmt: skip
    assert [one.model for one in pretrained_weights(experiment, ["late", "scratch"])] == ["resnet50.tv_in1k"]
    assert pretrained_weights(experiment, ["scratch"]) == []


def test_statistics_of_batches_are_no_parameters(tmp_path):
    tensors = {"conv.weight": np.zeros((4, 3)), "bn.running_mean": np.zeros(4), "bn.num_batches_tracked": np.zeros(1)}
    save_file(tensors, tmp_path / "model.safetensors")
    assert count_parameters(tmp_path / "model.safetensors") == 12
    assert count_parameters(tmp_path / "none.safetensors") is None
