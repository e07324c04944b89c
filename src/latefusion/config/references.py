"""Names on the page that point at other names on the page: every one must resolve, before anything runs."""

from collections.abc import Collection

from latefusion.config.experts import CnnExpert, DclExpert, Expert, ImageInput, LateExpert
from latefusion.config.fusion import Policy
from latefusion.config.joint import JointExpert
from latefusion.utils.nearest import did_you_mean

# Folders of the experiment's own.
RESERVED_NAMES = ("catalogue", "cache", "denoise", "figures", "previews", "scores", "vote")
# What lies beside the experiments in weights/ and submissions/: weights/pretrained/ is the user's own.
RESERVED_EXPERIMENTS = ("pretrained", "readme")
MAX_CHAIN = 100  # experts that go on from one another


def check_experiment_name(name: str) -> None:
    """Raise ValueError where the experiment's folder would be somebody else's."""
    if name.lower() in RESERVED_EXPERIMENTS:
        raise ValueError(f"name: weights/{name} is no experiment's folder; give the experiment another name")


def check_names(names: Collection[str]) -> None:
    """Raise ValueError where two experts or policies would share a folder, or one takes the experiment's own."""
    for name in names:
        if name.lower() in RESERVED_NAMES:
            raise ValueError(f"'{name}' is a folder of the experiment's own; name the expert or policy otherwise")
    spellings: dict[str, str] = {}
    for name in names:
        other = spellings.setdefault(name.lower(), name)
        if other != name:
            raise ValueError(f"'{other}' and '{name}' differ in capitals alone: one folder on many file systems")


def check_references(experts: dict[str, Expert], *, cleans: bool) -> None:
    """Raise ValueError naming the expert's key whose value names nothing, or something of the wrong kind."""
    for name, expert in experts.items():
        key = f"experts.{name}"
        if getattr(expert, "start_from", None) is not None:
            _check_origin(key, expert, experts)
        if isinstance(expert, LateExpert):
            _check_late(key, expert, experts)
        if isinstance(expert, JointExpert):
            _check_joint(key, expert, experts)
        if getattr(expert, "train_on", "all") == "clean" and not cleans:
            raise ValueError(f"{key}.train_on: clean needs a denoise section")


def check_image_cache(side: int | None, images: dict[str, ImageInput]) -> None:
    """Raise ValueError where pictures are read larger than the cache has them."""
    for key, image in images.items():
        if side is not None and image.resize > side:
            raise ValueError(f"{key}.resize {image.resize} is larger than image_cache {side}")


def check_fusion(experts: dict[str, Expert], policies: dict[str, Policy], votes: dict[str, tuple[str, ...]]) -> None:
    """Raise ValueError where a policy or the vote names nothing, or a name is taken twice."""
    for name in policies:
        if name in experts:
            raise ValueError(f"'{name}' names an expert and a policy; each needs a name of its own")
        _must_differ(f"policies.{name}.experts", policies[name].experts)
        for member in policies[name].experts:
            _must_exist(f"policies.{name}.experts", member, experts)
    for key, members in votes.items():
        if not members:
            raise ValueError(f"{key}: nobody votes; name policies, or have some of kind network")
        _must_differ(key, members)
        for member in members:
            _must_exist(key, member, policies)


def _check_origin(key: str, expert: CnnExpert | DclExpert, experts: dict[str, Expert]) -> None:
    passed = []
    while expert.start_from is not None:
        _must_exist(f"{key}.start_from", expert.start_from, experts)
        if expert.start_from in passed:
            raise ValueError(f"{key}.start_from: {' -> '.join([*passed, expert.start_from])} goes round in a circle")
        if len(passed) == MAX_CHAIN:
            raise ValueError(f"{key}.start_from: more than {MAX_CHAIN} experts go on from one another")
        passed.append(expert.start_from)
        expert = experts[expert.start_from]
        if not isinstance(expert, CnnExpert):
            raise ValueError(f"{key}.start_from: '{passed[-1]}' is not of kind cnn")


def _check_late(key: str, expert: LateExpert, experts: dict[str, Expert]) -> None:
    _must_exist(f"{key}.of", expert.of, experts)
    parent = experts[expert.of]
    if not hasattr(parent, "train"):
        raise ValueError(f"{key}.of: '{expert.of}' is of kind {parent.kind}, which has no checkpoints")
    if parent.train.epochs <= expert.epochs_before_end:
        epochs = parent.train.epochs
        raise ValueError(f"{key}.epochs_before_end: '{expert.of}' has {epochs} epochs; 0 is the last of them")
    if parent.train.keep_last <= expert.epochs_before_end:
        wanted = expert.epochs_before_end + 1
        raise ValueError(f"{key}: set experts.{expert.of}.train.keep_last to {wanted} or more, it keeps too few epochs")


def _check_joint(key: str, expert: JointExpert, experts: dict[str, Expert]) -> None:
    for part, kinds in {"text": ("transformer",), "image": ("cnn", "dcl")}.items():
        source = getattr(expert, part)
        _must_exist(f"{key}.{part}", source, experts)
        if experts[source].kind not in kinds:
            raise ValueError(f"{key}.{part}: '{source}' is of kind {experts[source].kind}, not {' or '.join(kinds)}")


def _must_differ(key: str, names: tuple[str, ...]) -> None:
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{key}: duplicate name '{twice[0]}'")


def _must_exist(key: str, name: str, known: Collection[str]) -> None:
    if name not in known:
        raise ValueError(f"{key}: '{name}' does not exist{did_you_mean(name, known)}")
