"""The experiment's config: what is refused, in which words, and how fast."""

import shlex
import time

import pytest
import yaml
from helpers.configs import tiny_config
from helpers.workspace import REPOSITORY

from latefusion.config import Experiment, load_experiment
from latefusion.plan.planning import plan
from latefusion.utils.errors import InputError


def load(tmp_path, change=lambda config: None, overrides=()):
    config = tiny_config()
    change(config)
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return load_experiment(path, list(overrides))


CONFIGS = REPOSITORY / "configs"


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_configs_load(config):
    assert load_experiment(config).name == config.stem


@pytest.mark.parametrize("config", sorted(CONFIGS.glob("ablations/*.yaml")), ids=lambda path: path.stem)
def test_shipped_ablation_configs_load(config):
    assert load_experiment(config).name == f"ablation_{config.stem}"


@pytest.mark.parametrize("name", ["walmart", "walmart_sample", "amazon", "amazon_sample"])
def test_networks_of_several_labels_do_not_inherit_rates_that_suit_others(name):
    """The loss is a mean over the classes: the default SGD of images would hardly move; fine-tuning has small rates."""
    for expert in load_experiment(CONFIGS / f"{name}.yaml").experts.values():
        assert expert.train.optimizer == "adamw"
        if expert.kind == "joint" and expert.features == "end_to_end":
            assert {"lr", "schedule"} <= expert.train.model_fields_set
            assert "head_lr_factor" in expert.model_fields_set


@pytest.mark.parametrize("name", ["walmart", "amazon"])
def test_published_configs_on_several_labels_read_all_words_and_unchanged_images(name):
    experts = load_experiment(CONFIGS / f"{name}.yaml").experts
    for expert in experts.values():
        if expert.kind == "text_cnn":
            assert expert.max_vocabulary > 10_000_000
        if expert.kind == "cnn":
            image = expert.image
            assert (image.resize, image.crop, image.rotate, image.flip) == (224, 224, 0, False)


def test_the_published_recipe_has_twelve_variants_of_the_published_kinds():
    experiment = load_experiment(REPOSITORY / "configs" / "rakuten.yaml")
    assert len(experiment.vote_members) == 12
    assert len({(policy.experts, policy.layers) for policy in experiment.policies.values()}) == 12
    for policy in experiment.policies.values():
        assert {experiment.modality(name) for name in policy.experts} == {"text", "image"}


def test_the_default_config_is_the_sample():
    assert load_experiment() == load_experiment(REPOSITORY / "configs" / "sample.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "experts.camembert.train.epoc=3",
            "experts.camembert.train.epoc: unknown key 'epoc'; did you mean 'epoch'?",
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
            "the network is that of 'cnn_raw'",
        ),
        ("experts.more={kind: cnn, start_from: more}", "experts.more.start_from: a cycle: more -> more"),
        ("experts.more={kind: cnn, start_from: tfidf}", "experts.more.start_from: 'tfidf' is not of kind cnn"),
        (
            "denoise.network={kind: cnn, start_from: cnn_raw}",
            "must not start from weights that were trained on the products it predicts",
        ),
        ("experts.frozen.text=tfidf", "experts.frozen.text: 'tfidf' is of kind tfidf, which has no network on text"),
        (
            "experts.frozen.image=dcl_late",
            "experts.frozen.image: 'dcl_late' is of kind late, which has no",
        ),
        (
            "experts.end_to_end.image=frozen",
            "experts.end_to_end.image: 'frozen' is of kind joint, which has no",
        ),
        ("experts.frozen.text=camenbert", "experts.frozen.text: 'camenbert' does not exist; did you mean 'camembert'?"),
        ("experts.frozen.image_lr_factor=2", "experts.frozen.image_lr_factor: unknown key 'image_lr_factor'"),
        ("experts.more={kind: joint, text: camembert, image: cnn_raw}", "experts.more: the key 'features' is missing"),
        ("experts.more={min_df: 1}", "experts.more: the key 'kind' is missing"),
        ("experts.frozen.features=cold", "experts.frozen.features: unknown value 'cold'; known: frozen, end_to_end"),
        ("experts.more={kind: late, of: frozen}", "set experts.frozen.train.keep_last to 1 or more"),
        ("experts.more={kind: late, of: camembert, epochs_before_end: 1}", "experts.camembert.train.keep_last to 2"),
        (
            "experts.dcl_late.epochs_before_end=1",
            "experts.dcl_late.epochs_before_end: must be below 1, the epochs of 'dcl_clean'",
        ),
        (
            "experts.cnn_raw.train.epoch=3",
            "train.epoch: should be best or last; the number of epochs is the key `epochs`",
        ),
        ("experts.cnn_raw.train.epoch=frist", "experts.cnn_raw.train.epoch: unknown value 'frist'; known: best, last"),
        (
            "experts.more={kind: cnn, model: x, train: {trainable: 0}}",
            "train.trainable: Input should be 'all' or 'head' or",
        ),
        (
            "experts.more={kind: cnn, model: x, train: {trainable: yes}}",
            "train.trainable: Input should be 'all' or 'head'",
        ),
        (
            "experts.more={kind: cnn, model: x, train: {trainable: head, layer_decay: 0.5}}",
            "experts.more.train: layer_decay has no effect with trainable: head",
        ),
        (
            "experts.more={kind: cnn, model: x, train: {layer_decay: 1.5}}",
            "train.layer_decay: Input should be less than",
        ),
        (
            "experts.cnn_raw.train.trainable=1",
            "train.trainable 1: the frozen layers would be random; set pretrained to",
        ),
        ("denoise.network.train.trainable=head", "denoise.network: train.trainable head: the frozen layers would be"),
        ("experts.camembert.train.trainable=1", "be random; give a pretrained model instead of scratch"),
        (
            "experts.end_to_end.train.trainable=1",
            "experts.end_to_end.train.trainable 1: the frozen layers would be random; 'camembert' starts without",
        ),
        ("experts.frozen.train.trainable=head", "experts.frozen.train.trainable: unknown key 'trainable'"),
        ("experts.frozen.train.layer_decay=0.5", "experts.frozen.train.layer_decay: unknown key 'layer_decay'"),
        (
            "experts.dcl_clean.train.epoch=last",
            "dcl_late.epochs_before_end: with experts.dcl_clean.train.epoch: last, this is the same as 'dcl_clean'",
        ),
        ("experts.cnn_raw.train.lr=.inf", "experts.cnn_raw.train.lr: Input should be a finite number"),
        ("experts.cnn_raw.train.weight_decay=.nan", "experts.cnn_raw.train.weight_decay: Input should be a finite"),
        ("experts.cnn_raw.train.lr=1e999", "experts.cnn_raw.train.lr: Input should be a finite number"),
        ("experts.tfidf.regularisation=[.inf]", "experts.tfidf.regularisation: Input should be a finite number"),
        ("policies.more={kind: logistic, experts: [tfidf], C: .inf}", "policies.more.C: Input should be a finite"),
        ("experts.tfidf.word_ngrams=[2, 1]", "experts.tfidf.word_ngrams: should be two lengths, the shorter first"),
        ("experts.tfidf.char_ngrams=[0, 1]", "experts.tfidf.char_ngrams: should be two lengths, the shorter first"),
        ("experts.tfidf.seed=-1", "experts.tfidf.seed: Input should be greater than or equal to 0"),
        ("split.seed=4294967296", "split.seed: Input should be less than or equal to 4294967295"),
        ("experts.camembert.train.epochs=99999999999", "experts.camembert.train.epochs: should be 4294967295 or less"),
        (
            "experts.camembert.scratch.num_attention_heads=3",
            "hidden_size 16 is not a multiple of num_attention_heads 3",
        ),
        ("experts.dcl_clean.neighbourhood=3", "neighbourhood 3 is larger than grid 2"),
        ("experts.cnn_raw.model_args={num_classes: 3}", "model_args: num_classes cannot be given here"),
        ("experts.cnn_raw.model_args={pretrained_cfg: x, in_chans: 1}", "model_args: pretrained_cfg, in_chans cannot"),
        ("denoise.network.model_args={checkpoint_path: x}", "model_args: checkpoint_path cannot be given here"),
        (f"experts.{'x' * 81}={{kind: tfidf}}", "String should have at most 80 characters"),
        ("experts.Nul={kind: tfidf}", "'Nul' is a reserved name on Windows"),
        ("experts.TFIDF={kind: tfidf}", "'tfidf' and 'TFIDF' differ only in case"),
        ("policies.Tfidf={experts: [tfidf]}", "'tfidf' and 'Tfidf' differ only in case"),
        ("experts.Vote={kind: tfidf}", "'Vote' is reserved for the vote's row in the score table"),
        ("name=pretrained", "name: 'pretrained' is reserved"),
        ("name=Pretrained", "name: 'Pretrained' is reserved"),
        ("name=features", "name: 'features' is reserved"),
        ("name=README", "name: 'README' is reserved"),
        ("name=a b", "name: a name may hold letters, digits, - and _"),
        ("name=2020", "name: should be text, but YAML reads this as 2020: write it in quotes"),
        ("experts.tfdif.min_df=1", "the config has no experts.tfdif, did you mean experts.tfidf?"),
        ("policies.one_layr.epochs=3", "the config has no policies.one_layr, did you mean policies.one_layer?"),
        ("experts.camembert.kind=transfromer", "experts.camembert.kind: unknown value 'transfromer'; did you mean"),
        ("policies.more={kind: netwrok, experts: [tfidf]}", "policies.more.kind: unknown value 'netwrok'; did"),
        ("experts.cnn_raw.train_on=claen", "experts.cnn_raw.train_on: unknown value 'claen'; did you mean 'clean'?"),
        ("experts.dcl_late.of=DCL_CLEAN", "'DCL_CLEAN' does not exist; did you mean 'dcl_clean'?"),
        ("split.valid_fraction=0", "split.valid_fraction 0: there would be no valid products"),
        ("catalogue={format: table, root: x}", "sample: cannot be drawn in format table"),
        ("experts=[tfidf]", "experts: should be a mapping of keys to values"),
        ("experts.dcl_clean.grid=5", "experts.dcl_clean: grid 5 does not divide crop 32"),
        ("experts.cnn_raw.image.crop=40", "crop 40 is larger than resize 36"),
        ("image_cache=32", "image.resize 36 is larger than image_cache 32"),
        ("denoise.network.image.resize=60", r"denoise.network.image.resize 60 is larger than image_cache 48"),
        ("denoise=null", "train_on: clean needs a denoise section"),
        ("experts.camembert.model=bert", "give either model (pretrained weights) or scratch"),
        ("split.test_fraction=0.8", "split: valid_fraction and test_fraction leave nothing to train on"),
        ("catalogue.products=x.csv", "products: only for format table, not for format sigir"),
        ("experts.vote={kind: tfidf}", "'vote' is reserved for the vote's row in the score table"),
        ("policies.tfidf={experts: [tfidf]}", "'tfidf' is the name of an expert and of a policy"),
        ("experts.a/b={kind: tfidf}", "experts.a/b"),
        ("experts.tfidf.kind=svm", "experts.tfidf.kind: unknown value 'svm'; known: transformer, text_cnn"),
        ("policies.one_layer.experts=[tfidf, tfidf]", "policies.one_layer.experts: duplicate name 'tfidf'"),
        ("vote.members=[one_layer, one_layer]", "vote.members: duplicate name 'one_layer'"),
        ("policies.one_layer.hidden_size=6", "hidden_size is only for layers: 2"),
        ("policies.one_layer.top_k=2", "top_k is only for inputs: top_k, not for inputs: probs"),
        ("policies.one_layer.kind=mean", "unknown key 'epochs'"),
        ("policies.more={kind: median, experts: [tfidf]}", "policies.more"),
        ("vote.members=[]", "vote.members: the vote has no members"),
        ("submit=bset", "submit: unknown value 'bset'; did you mean 'best'?"),
    ],
)
def test_a_bad_config_is_refused_by_key(tmp_path, override, message):
    with pytest.raises(InputError) as caught:
        load(tmp_path, overrides=[override])
    assert message in str(caught.value)


def load_changed(tmp_path, sections: dict) -> Experiment:
    return load(tmp_path, lambda config: config.update(sections))


MEAN = {"mean": {"kind": "mean", "experts": ["tfidf"]}}


def test_without_networks_there_is_no_vote_if_the_best_method_is_submitted(tmp_path):
    without_networks = {"policies": MEAN}
    assert not load_changed(tmp_path, without_networks | {"submit": "best"}).has_vote
    assert load_changed(tmp_path, without_networks | {"vote": {"members": ["mean"]}}).has_vote
    for refused in (
        {},
        {"submit": "best", "vote": {"members": []}},
        {"submit": "best", "vote": {"subsets": {"x": ["mean"]}}},
    ):
        with pytest.raises(InputError, match=r"vote\.members: the vote has no members: set vote\.members"):
            load_changed(tmp_path, without_networks | refused)


def test_competition_configs_submit_the_vote():
    for name in ("rakuten", "sample"):
        assert load_experiment(CONFIGS / f"{name}.yaml").submit == "vote"


def test_the_submission_needs_the_vote_or_all_methods(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    methods = {f"experts/{name}" for name in tiny_config()["experts"]} | {"policies/one_layer", "policies/two_layers"}
    needs = {"vote": {"vote"}, "best": methods | {"vote"}}
    for submit, expected in needs.items():
        jobs = plan(load(tmp_path, overrides=[f"submit={submit}"]))
        assert {job.key for job in jobs["submission"].needs} == expected
        assert list(jobs)[-2:] == ["vote", "submission"]
        cleaned = plan(load(tmp_path, overrides=[f"submit={submit}", "denoise.clean_valid=true"]))
        assert {job.key for job in cleaned["submission"].needs} == expected | {"denoise"}
    jobs = plan(load_changed(tmp_path, {"policies": MEAN, "submit": "best"}))
    assert "vote" not in jobs
    assert {job.key for job in jobs["submission"].needs} == methods - {"policies/one_layer", "policies/two_layers"} | {
        "policies/mean"
    }


def test_all_problems_are_named_at_once(tmp_path):
    with pytest.raises(InputError) as caught:
        load(tmp_path, overrides=["split.sed=1", "experts.tfidf.mindf=1"])
    assert "split.sed" in str(caught.value)
    assert "experts.tfidf.mindf" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("experts: {a: {kind: tfidf}, a: {kind: tfidf}}", "duplicate key 'a'"),
        ("experts: [", "not valid YAML"),
        ("a: 1\nb: 2\na: 3", "config.yaml, line 3: duplicate key 'a'"),
        ("a:\n  b: {c: 1, c: 2}", "config.yaml, line 2: duplicate key 'c'"),
        ("{[1, 2]: 3}", "config.yaml, line 1: a list or a mapping cannot be a key"),
        ("a: 1\n? {b: 1}\n: 3", "config.yaml, line 2: a list or a mapping cannot be a key"),
        ("experts: {no: {kind: tfidf}}", "YAML does not read the key no as text: write it in quotes"),
        ("policies: {2020: {experts: [a]}}", "does not read the key 2020 as text"),
        ("split:\n  seed: " + "1" * 5000, "config.yaml, line 2: a number of 5000 digits is too long"),
        ("split:\n  seed: 0x" + "f" * 9000, "config.yaml, line 2: a number of 9002 digits is too long"),
        ("a: 0b_", "config.yaml, line 1: not valid YAML: invalid literal"),
        ('a: "\\U00FFFFFF"', "config.yaml, line 1: not valid YAML"),
        ('a: "\\ud800"', "config.yaml, line 1: NUL characters and unpaired surrogates are not allowed"),
        ("%YAML 1." + "1" * 5000 + "\n--- a", "config.yaml, line 1: not valid YAML"),
        ("[" * 3000, "config.yaml, line 1: nested more than 30 levels deep"),
        ("a: " + "{a: " * 3000, "config.yaml, line 1: nested more than 30 levels deep"),
        ("a: !!set {b}", "config.yaml, line 1: tags"),
        ("a: !!python/object/apply:os.system [ls]", "config.yaml, line 1: tags"),
        ("a: &a [*a]", "config.yaml, line 1: '\\*a' contains itself"),
        ("a: &a {<<: *a}", "config.yaml, line 1: '\\*a' contains itself"),
        ("a: &a {b: 1}\nc: {<<: 3}", "config.yaml, line 2: not valid YAML"),
        ("a: *b", "config.yaml, line 1: not valid YAML: found undefined alias"),
        ("x" * 300_000, "config.yaml: more than 200,000 characters"),
        ("- a", "a config must be a mapping of keys to values"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path, text, message):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_experiment(tmp_path / "config.yaml")


def unfolding(line: str, steps: int) -> str:
    """YAML in which each line holds the one before it several times."""
    return "\n".join(["n0: &n0 {k0: 1}", *(line.format(step, step - 1) for step in range(1, steps))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (unfolding("n{0}: &n{0} {{<<: [*n{1}, *n{1}, *n{1}, *n{1}], k{0}: 1}}", 25), "more than 100,000 values"),
        (unfolding("n{0}: &n{0} [*n{1}, *n{1}, *n{1}, *n{1}]", 25), "more than 100,000 values"),
        (unfolding("n{0}: &n{0} {{<<: *n{1}, k{0}: 1}}", 3000), "more than 30 levels deep"),
    ],
)
def test_what_unfolds_without_end_is_refused_at_once(tmp_path, text, message):
    (tmp_path / "config.yaml").write_text(text)
    started = time.process_time()
    with pytest.raises(InputError, match=message):
        load_experiment(tmp_path / "config.yaml")
    assert time.process_time() - started < 5


def test_a_date_is_the_word_it_is(tmp_path):
    for date in ("2024-02-01", "2024-13-45"):
        assert load(tmp_path, overrides=[f"name={date}"]).name == date


def test_a_chain_of_experts_is_bounded(tmp_path):
    def chain(config):
        for number in range(1500):
            start_from = f"link{number - 1}" if number else "cnn_raw"
            config["experts"][f"link{number}"] = {"kind": "cnn", "start_from": start_from}

    with pytest.raises(InputError, match="a chain of more than 100 experts"):
        load(tmp_path, chain)


def test_merge_keys_may_be_overridden_wherever_the_anchor_is(tmp_path):
    """The anchor's own mapping has a merge key too, and is deeper than the alias."""
    text = yaml.safe_dump(tiny_config()).replace("hardware:", "hardware: &h")
    text += "split2: {deep: {deeper: &d {<<: *h, num_workers: 1}}}\nhardware2: {<<: *d, num_workers: 2}\n"
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_experiment(tmp_path / "config.yaml")
    assert "unknown key 'split2'" in str(caught.value)  # and nothing about a duplicate key


@pytest.mark.parametrize("word", ["no", "No", "'no'", "false", "off"])
def test_the_precision_no_can_be_written(tmp_path, word):
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(tiny_config() | {"hardware": None}).replace(
            "hardware: null", f"hardware: {{mixed_precision: {word}}}"
        )
    )
    assert load_experiment(tmp_path / "config.yaml").hardware.mixed_precision == "no"
    assert load(tmp_path, overrides=[f"hardware.mixed_precision={word}"]).hardware.mixed_precision == "no"


@pytest.mark.parametrize("word", ["none", "None", "'none'", "null", "~", "no", "false", ""])
@pytest.mark.parametrize("key", ["image_cache", "experts.tfidf.char_ngrams", "hardware.num_workers"])
def test_none_can_be_written(tmp_path, key, word):
    section = load(tmp_path, overrides=[f"{key}={word}"])
    for name in key.split("."):
        section = section[name] if isinstance(section, dict) else getattr(section, name)
    assert section is None


def test_an_override_leaves_sections_alone_that_share_an_anchor():
    config = REPOSITORY / "configs" / "sample.yaml"
    before, after = load_experiment(config), load_experiment(config, ["experts.dcl_raw.train.lr=0.5"])
    assert after.experts["dcl_raw"].train.lr == 0.5
    assert after.experts["dcl_clean"] == before.experts["dcl_clean"]
    assert after.experts["resnet_raw"] == before.experts["resnet_raw"]


@pytest.mark.parametrize(
    "override",
    ["split", "=3", "split.seed.x=1", "split.seed=[", "vote={members: [a], members: [b]}", ".".join("a" * 99) + "=1"],
)
def test_a_bad_override_is_refused(tmp_path, override):
    with pytest.raises(InputError, match="--set"):
        load(tmp_path, lambda config: config["split"].update(seed=1), [override])


def test_numbers_in_scientific_notation_are_numbers(tmp_path):
    experiment = load(tmp_path, overrides=["experts.camembert.train.lr=3e-5"])
    assert experiment.experts["camembert"].train.lr == 3e-5


def test_the_experiment_is_frozen(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        load(tmp_path).split.seed = 3


def test_a_resolved_config_loads_again_as_itself(tmp_path):
    experiment = load(tmp_path)
    assert (
        Experiment.model_validate(
            yaml.safe_load(yaml.safe_dump(experiment.model_dump(mode="json", exclude_unset=True)))
        )
        == experiment
    )


def test_the_cache_is_as_large_as_the_largest_reader(workspace):
    config = tiny_config()
    config["denoise"]["network"]["image"] = {"resize": 60, "crop": 32}
    workspace.write_config(config)
    assert workspace.experiment("image_cache=auto").cache_side == 60
    assert workspace.experiment("image_cache=null").cache_side is None


def test_what_starts_from_trained_weights_may_be_trained_in_part(tmp_path):
    overrides = [
        "experts.dcl_clean.train.trainable=2",
        "image_cache=auto",
        "experts.more={kind: cnn, start_from: cnn_raw, train: {trainable: 1}}",
    ]
    experts = load(tmp_path, overrides=overrides).experts
    assert experts["dcl_clean"].train.trainable == 2
    assert experts["more"].train.trainable == 1


def test_weights_that_start_from_a_last_epoch_depend_on_no_choice_of_an_epoch(tmp_path):
    def continued(*last: str) -> set[str]:
        overrides = [f"experts.{name}.train.epoch=last" for name in last]
        experts = load(
            tmp_path,
            lambda config: config["experts"].pop("dcl_late") and config["policies"].pop("two_layers"),
            [
                *overrides,
                "experts.late={kind: late, of: dcl_clean, epochs_before_end: 1}",
                "experts.dcl_clean.train.epochs=3",
                "experts.dcl_clean.train.keep_last=2",
            ],
        ).experts
        return {name for name, expert in experts.items() if expert.continues_another(experts)}

    assert continued() == {"dcl_clean", "late", "frozen"}
    assert continued("cnn_clean") == {"frozen"}
    assert continued("cnn_clean", "camembert") == {"frozen"}  # its other expert, dcl_clean, still chooses
    assert continued("cnn_clean", "camembert", "dcl_clean") == set()
    assert continued("camembert", "dcl_clean") == {"dcl_clean", "late", "frozen"}


@pytest.mark.parametrize("expert", ["tfidf", "dcl_clean", "resnet_raw"])
def test_an_expert_is_dropped_in_one_round(expert):
    """The message names all that needs the expert, also by way of others, and what it says to add is enough."""
    with pytest.raises(InputError) as caught:
        load_experiment(overrides=[f"experts.{expert}=null"])
    *problems, advice = str(caught.value).splitlines()[1:]
    assert len(problems) > 1
    assert all(problem.endswith(f"'{expert}' is removed") for problem in problems)
    settings = shlex.split(advice.partition(": ")[2])[1::2]
    experiment = load_experiment(overrides=[f"experts.{expert}=null", *settings])
    assert expert not in experiment.experts
    assert not any(expert in policy.experts for policy in experiment.policies.values())
    assert len(experiment.policies) > 5
    assert set(experiment.vote.subsets) <= {"small", "tfidf", "without_tfidf"}


def test_null_removes_policies_and_subsets_in_the_file_too(tmp_path):
    def change(config):
        config["policies"]["more"] = None
        config["vote"] = {"subsets": {"more": None, "kept": ["one_layer"]}}

    experiment = load(tmp_path, change)
    assert "more" not in experiment.policies
    assert list(experiment.vote.subsets) == ["kept"]
    with pytest.raises(InputError, match=r"there is no policies\.one_layr to remove; did you mean 'one_layer'"):
        load(tmp_path, overrides=["policies.one_layr=null"])


def test_an_expert_that_was_deleted_is_named_wherever_it_is_needed(tmp_path):
    with pytest.raises(InputError) as caught:
        load(tmp_path, lambda config: config["experts"].pop("cnn_raw"))
    message = str(caught.value)
    assert message.count("'cnn_raw' does not exist; did you mean") > 1
    assert "To do without cnn_raw: --set " in message
