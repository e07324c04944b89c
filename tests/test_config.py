"""The experiment's page: what is refused, in which words, and how fast."""

import subprocess
import sys

import pytest
import yaml
from conftest import REPOSITORY, tiny_page

from latefusion.config import Experiment, load_experiment
from latefusion.errors import InputError

SCRIPTS = sorted(path.name for path in (REPOSITORY / "src").glob("0*.py"))


def load(tmp_path, change=lambda page: None, overrides=()):
    page = tiny_page()
    change(page)
    path = tmp_path / "page.yaml"
    path.write_text(yaml.safe_dump(page))
    return load_experiment(path, list(overrides))


@pytest.mark.parametrize("page", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_pages_load(page):
    assert load_experiment(page).name == page.stem


def test_the_published_recipe_has_twelve_variants_of_the_published_kinds():
    experiment = load_experiment(REPOSITORY / "configs" / "rakuten.yaml")
    assert len(experiment.vote_members) == 12
    assert len({(policy.experts, policy.layers) for policy in experiment.policies.values()}) == 12
    for policy in experiment.policies.values():
        assert {experiment.modality(name) for name in policy.experts} == {"text", "image"}


def test_the_default_page_is_the_sample():
    assert load_experiment() == load_experiment(REPOSITORY / "configs" / "sample.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "experts.camembert.train.epoch=3",
            "experts.camembert.train.epoch: unknown key 'epoch'; did you mean 'epochs'?",
        ),
        ("catalog.root=x", "catalog: unknown key 'catalog'; did you mean 'catalogue'?"),
        ("vote.members=[one_layr]", "vote.members: 'one_layr' does not exist; did you mean 'one_layer'?"),
        (
            "policies.one_layer.experts=[tfid]",
            "policies.one_layer.experts: 'tfid' does not exist; did you mean 'tfidf'?",
        ),
        ("experts.dcl_clean.start_from=tfidf", "experts.dcl_clean.start_from: 'tfidf' is not of kind cnn"),
        ("experts.cnn_raw.start_from=cnn_clean", "experts.cnn_raw: give either model (a timm network) or start_from"),
        (
            "experts.more={kind: cnn, start_from: cnn_raw, pretrained: false}",
            "the network is that of start_from 'cnn_raw'",
        ),
        ("experts.more={kind: cnn, start_from: more}", "experts.more.start_from: more -> more goes round in a circle"),
        ("experts.more={kind: cnn, start_from: tfidf}", "experts.more.start_from: 'tfidf' is not of kind cnn"),
        ("denoise.network={kind: cnn, start_from: cnn_raw}", "must not have seen the products it leaves out"),
        ("experts.frozen.text=tfidf", "experts.frozen.text: 'tfidf' is of kind tfidf, not transformer"),
        ("experts.frozen.image=dcl_late", "experts.frozen.image: 'dcl_late' is of kind late, not cnn or dcl"),
        ("experts.end_to_end.image=frozen", "experts.end_to_end.image: 'frozen' is of kind joint, not cnn or dcl"),
        ("experts.frozen.text=camenbert", "experts.frozen.text: 'camenbert' does not exist; did you mean 'camembert'?"),
        ("experts.frozen.image_lr_factor=2", "experts.frozen.image_lr_factor: unknown key 'image_lr_factor'"),
        ("experts.more={kind: joint, text: camembert, image: cnn_raw}", "experts.more: the key 'features' is missing"),
        ("experts.more={min_df: 1}", "experts.more: the key 'kind' is missing"),
        ("experts.frozen.features=cold", "experts.frozen: Input tag 'cold' found using 'features'"),
        ("experts.more={kind: late, of: frozen}", "set experts.frozen.train.keep_last to 1 or more"),
        ("experts.dcl_late.epochs_before_end=1", "set experts.dcl_clean.train.keep_last to 2 or more"),
        ("experts.dcl_clean.grid=5", "experts.dcl_clean: grid 5 does not divide crop 32"),
        ("experts.cnn_raw.image.crop=40", "crop 40 is larger than resize 36"),
        ("image_cache=32", "image.resize 36 is larger than image_cache 32"),
        ("denoise.network.image.resize=60", r"denoise.network.image.resize 60 is larger than image_cache 48"),
        ("denoise=null", "train_on: clean needs a denoise section"),
        ("experts.camembert.model=bert", "give either model (pretrained weights) or scratch"),
        ("split.test_fraction=0.8", "split: valid_fraction and test_fraction leave nothing to train on"),
        ("catalogue.products=x.csv", "products: only for format table, not for sigir"),
        ("experts.vote={kind: tfidf}", "'vote' is a folder of the experiment's own"),
        ("policies.tfidf={experts: [tfidf]}", "'tfidf' names an expert and a policy"),
        ("experts.a/b={kind: tfidf}", "experts.a/b"),
        ("experts.tfidf.kind=svm", "experts.tfidf"),
        ("policies.one_layer.experts=[tfidf, tfidf]", "policies.one_layer.experts: 'tfidf' stands twice"),
        ("vote.members=[one_layer, one_layer]", "vote.members: 'one_layer' stands twice"),
        ("policies.one_layer.hidden_size=6", "hidden_size is for layers: 2 alone"),
        ("policies.one_layer.top_k=2", "top_k is for inputs: top_k alone, not for probs"),
        ("policies.one_layer.kind=mean", "unknown key 'epochs'"),
        ("policies.more={kind: median, experts: [tfidf]}", "policies.more"),
        ("vote.members=[]", "vote.members: nobody votes"),
    ],
)
def test_a_bad_page_is_refused_by_key(tmp_path, override, message):
    with pytest.raises(InputError) as caught:
        load(tmp_path, overrides=[override])
    assert message in str(caught.value)


def test_all_problems_are_named_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        load(tmp_path, overrides=["split.sed=1", "experts.tfidf.mindf=1"])
    assert "split.sed" in str(caught.value)
    assert "experts.tfidf.mindf" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experts: {a: {kind: tfidf}, a: {kind: tfidf}}", "the key 'a' stands twice"),
        ("experts: [", "not valid YAML"),
        ("- a", "an experiment is a page of keys and values"),
    ],
)
def test_a_page_that_is_no_page_is_refused(tmp_path, text, message):
    (tmp_path / "page.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_experiment(tmp_path / "page.yaml")


def test_an_override_leaves_sections_alone_that_share_an_anchor():
    page = REPOSITORY / "configs" / "sample.yaml"
    before, after = load_experiment(page), load_experiment(page, ["experts.dcl_raw.train.lr=0.5"])
    assert after.experts["dcl_raw"].train.lr == 0.5
    assert after.experts["dcl_clean"] == before.experts["dcl_clean"]
    assert after.experts["resnet_raw"] == before.experts["resnet_raw"]


@pytest.mark.parametrize("override", ["split", "=3", "split.seed.x=1", "split.seed=["])
def test_a_bad_override_is_refused(tmp_path, override):
    with pytest.raises(InputError, match="--set"):
        load(tmp_path, lambda page: page["split"].update(seed=1), [override])


def test_numbers_in_scientific_notation_are_numbers(tmp_path):
    experiment = load(tmp_path, overrides=["experts.camembert.train.lr=3e-5"])
    assert experiment.experts["camembert"].train.lr == 3e-5


def test_the_experiment_is_frozen(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).split.seed = 3


def test_a_resolved_page_loads_again_as_itself(tmp_path):
    experiment = load(tmp_path)
    assert (
        Experiment.model_validate(
            yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json", exclude_unset=True)))
        )
        == experiment
    )


# What answers without torch answers in well under a second; counting imports is a steadier test than a clock.
PROBE = """
import runpy, sys
sys.argv = sys.argv[1:]
sys.path.insert(0, sys.argv[0].rpartition("/")[0])
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as stop:
    loaded = {"torch", "pandas", "numpy", "cv2", "transformers"} & set(sys.modules)
    print(f"exit {stop.code}, loaded {sorted(loaded)}")
"""


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_and_bad_pages_answer_without_heavy_imports(script):
    for arguments, code in {("--help",): 0, ("--set", "experts.x.y=1"): 2, ("--config", "none.yaml"): 2}.items():
        command = [sys.executable, "-c", PROBE, str(REPOSITORY / "src" / script), *arguments]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert f"exit {code}, loaded []" in result.stdout, result.stderr


def test_the_cache_is_as_large_as_the_largest_reader(place):
    page = tiny_page()
    page["denoise"]["network"]["image"] = {"resize": 60, "crop": 32}
    place.write_page(page)
    assert load_experiment(place.page, ["image_cache=auto"]).cache_side == 60
    assert load_experiment(place.page, ["image_cache=null"]).cache_side is None
