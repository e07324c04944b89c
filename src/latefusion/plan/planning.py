"""Make the plan: all jobs of an experiment, each after the jobs that it needs."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from latefusion.config import Experiment, ExpertConfig
from latefusion.config.experiment import fold_name
from latefusion.plan.jobs import CatalogueState, Job, done_jobs
from latefusion.plan.records import digest, hash_of
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.nearest import did_you_mean


@dataclass(frozen=True)
class Selection:
    """Which jobs of a step to run: all that are not done, or only the job `name`; with `redo`, even if it is done."""

    name: str | None = None
    redo: bool = False


def plan(experiment: Experiment) -> dict[str, Job]:
    """Return all jobs by key: `catalogue`, `denoise`, `experts/<name>`, `policies/<name>`, `vote`, `submission`.

    In a cross-fitted experiment, denoising and each expert have one job per fold, `folds/<fold>/denoise` and
    `folds/<fold>/experts/<name>`, and `experts/<name>` joins the folds of an expert. In a nested one, each pair of
    folds has such jobs too. An expert that is trained once more for the test products has the job
    `folds/none/experts/<name>`: no fold is held out.
    """
    jobs: dict[str, Job] = {}
    catalogue = CatalogueState(experiment.run_root / "catalogue", experiment.catalogue)

    def add(key: str, kind: str, step: str, settings: dict, needs: Iterable[str], **inputs) -> None:
        needed = tuple(jobs[need] for need in needs)
        # Without the catalogue's fingerprint: its results are compared by content, as inputs (see `jobs`).
        fingerprint = digest([kind, settings, [job.fingerprint for job in needed if job.kind != "catalogue"]])[:16]
        jobs[key] = Job(
            key, kind, step, needed, experiment.run_root / key, settings, fingerprint, catalogue, **inputs
        )  # fmt: skip

    add("catalogue", "catalogue", "prepare", _catalogue_settings(experiment), ())
    for view in _denoised_views(experiment):
        denoise = experiment.require_denoise()
        settings = denoise.model_dump(mode="json") | {"image_cache": experiment.cache_side}
        models = pretrained_models([denoise.network])
        key = _key_in(view, "denoise")
        add(key, "denoise", "denoise", settings, ("catalogue",), reads="images", models=models, held_out=view.held_out)
    for name in _in_order(experiment):
        expert, network = experiment.experts[name], experiment.network_of(name)
        settings = expert.settings(experiment.experts)
        if network.chooses_epoch:
            settings |= _chosen_by(experiment)
        if network.reads_pixels:
            settings["image_cache"] = experiment.cache_side
        reads = "products" if network.modality == "text" else "images"
        models = pretrained_models(expert.networks(name, experiment.experts).values())
        views = experiment.views_of(name)
        for view in views:
            needs = [_key_in(view, need) for need in expert.needs(experiment.experts)]
            add(
                _key_in(view, f"experts/{name}"), expert.kind, network.step, settings, needs,
                reads=reads, models=models, held_out=view.held_out,
            )  # fmt: skip
        if experiment.folds:
            folds = [_key_in(view, f"experts/{name}") for view in views]
            add(f"experts/{name}", "folds", network.step, {"views": len(folds)}, folds, reads=reads)
    for name, policy in sorted(experiment.policies.items(), key=lambda item: bool(item[1].sources)):  # these after all
        needs = [f"experts/{expert}" for expert in policy.experts] + (["denoise"] if experiment.cleans_valid else [])
        needs += [f"policies/{source}" for source in policy.sources.values() if source in experiment.policies]
        settings = policy.model_dump(mode="json") | _chosen_by(experiment) | _label_thresholds(experiment)
        inputs: dict = {}
        if policy.own_network is not None:
            needs.append("catalogue")
            settings |= _network_settings(experiment, policy.own_network)
            inputs = _network_inputs(experiment, policy.own_network)
        add(f"policies/{name}", "policy", "fuse", settings, needs, **inputs)
    members = [f"policies/{name}" for name in experiment.vote_members]
    if experiment.has_vote:
        add("vote", "vote", "vote", {"members": experiment.vote_members}, members)
    add("submission", "submission", "vote", *_submission(experiment))
    return jobs


def _network_settings(experiment: Experiment, name: str) -> dict:
    """Return the settings of a policy's network, which is like that of the expert `name`."""
    expert = experiment.experts[name]
    settings = {"network_settings": expert.settings(experiment.experts)}
    return settings | ({"image_cache": experiment.cache_side} if expert.reads_pixels else {})


def _network_inputs(experiment: Experiment, name: str) -> dict:
    """Return what a policy's network, which is like that of the expert `name`, reads and starts from."""
    expert = experiment.experts[name]
    models = pretrained_models(expert.networks(name, experiment.experts).values())
    return {"reads": "products" if expert.modality == "text" else "images", "models": models}


def _denoised_views(experiment: Experiment) -> tuple[Experiment, ...]:
    """Return the views that have a denoising job: the folds, and those of experts that are trained on its result."""
    if experiment.denoise is None:
        return ()
    trained = [experiment.views_of(name) for name, expert in experiment.experts.items() if expert.trains_on_clean]
    return max([*trained, experiment.folds or (experiment,)], key=len)


def _key_in(view: Experiment, key: str) -> str:
    """Return the key of a job in the view of a fold; without a fold, and for the catalogue, the key itself."""
    return key if view.held_out is None or key == "catalogue" else f"folds/{fold_name(view.held_out)}/{key}"


def _submission(experiment: Experiment) -> tuple[dict, list[str]]:
    """Return the settings of the submission, and the keys of the jobs that it needs: the vote, or all methods."""
    needs = ["denoise"] if experiment.cleans_valid else []
    if experiment.submit == "vote":
        return {"submit": "vote"} | _label_thresholds(experiment), ["vote", *needs]
    methods = [f"experts/{name}" for name in experiment.experts] + [f"policies/{name}" for name in experiment.policies]
    settings = experiment.model_dump(mode="json", include={"submit": True, "vote": {"subsets"}})
    settings |= _chosen_by(experiment) | _label_thresholds(experiment)
    return settings, [*methods, *(["vote"] if experiment.has_vote else []), *needs]


def _chosen_by(experiment: Experiment) -> dict[str, str]:
    """Return the setting by which epochs, weights and methods are chosen, if it is not the usual one."""
    return {} if experiment.metric == "auto" else {"metric": experiment.metric}


def _label_thresholds(experiment: Experiment) -> dict[str, str]:
    """Return the setting of the thresholds of several labels, if it is not the usual one."""
    return {"label_thresholds": experiment.label_thresholds} if experiment.several else {}


def jobs_of(jobs: dict[str, Job], step: str, selection: Selection) -> list[Job]:
    """Return the selected jobs of a step: of an expert's name, the jobs of all its folds too.

    Raises InputError if the step has no job of the selected name.
    """
    own = {job.name: job for job in jobs.values() if job.step == step}
    name = selection.name
    if name is None:
        return list(own.values())
    if named := [job for job in own.values() if job.has_name(name)]:
        return named
    option = "--redo" if selection.redo else "--only"
    elsewhere = next((job for job in jobs.values() if job.has_name(name)), None)
    if elsewhere is not None:
        raise StepError(f"{option} {name}: that is a job of {{step}}", elsewhere.step)
    expert, fold, _ = name.partition("/fold-")
    if fold and any(job.has_name(expert) for job in own.values()):
        of_expert = ", ".join(job.name for job in own.values() if job.has_name(expert))
        raise InputError(f"{option} {name}: there is no such fold; the jobs of {expert} are {of_expert}")
    raise InputError(f"{option} {name}: no such job in this step{did_you_mean(name, own)}")


def to_do(jobs: Iterable[Job], selection: Selection) -> list[Job]:
    """Return those of the selected jobs that are to be run: they are not done, or are to be redone."""
    selected = list(jobs)
    done = () if selection.redo else {job.key for job in done_jobs(selected)}
    return [job for job in selected if job.key not in done]


def pretrained_models(experts: Iterable[ExpertConfig]) -> tuple[str, ...]:
    """Return the names of the pretrained weights that these experts' networks start from."""
    return tuple(dict.fromkeys(expert.pretrained_model for expert in experts if expert.pretrained_model is not None))


def started_networks(experiment: Experiment, jobs: Iterable[Job]) -> dict[str, ExpertConfig]:
    """Return the experts whose networks the jobs build from the config, by their key in the config."""
    started: dict[str, ExpertConfig] = {}
    for job in jobs:
        if job.kind == "denoise":
            started["denoise.network"] = experiment.require_denoise().network
        elif job.expert is not None:
            networks = experiment.experts[job.expert].networks(job.expert, experiment.experts)
            started |= {f"experts.{name}": expert for name, expert in networks.items()}
    return started


def _in_order(experiment: Experiment) -> list[str]:
    """Return the names of the experts, each after the experts that it needs, otherwise in the config's order."""

    def depth(name: str) -> int:
        return 1 + max(map(depth, experiment.experts[name].sources(experiment.experts)), default=-1)

    return sorted(experiment.experts, key=depth)


def _catalogue_settings(experiment: Experiment) -> dict:
    """Return the catalogue's settings, with a hash of each table: a changed file counts as a changed setting."""
    from latefusion.catalogue import table_files

    settings = experiment.model_dump(mode="json", include={"sample", "catalogue", "split"})
    del settings["catalogue"]["test_labels"]  # used for scoring only
    del settings["catalogue"]["root"]  # the content counts, not the path: data may be moved to another machine
    root = experiment.catalogue.root
    settings["tables"] = {
        str(path.relative_to(root) if path.is_relative_to(root) else path): _hash_table(path)
        for path in table_files(experiment.catalogue)
    }
    choices = settings["catalogue"].pop("label_choices")  # without this key: the fingerprint that it had before
    if choices is not None:
        settings["label_choices"] = {choices: _hash_table(root / choices)}
    return settings


def _hash_table(path: Path) -> str:
    return hash_of(path) if path.is_file() else "missing"
