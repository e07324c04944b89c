"""The root of the config: `Experiment`, with all sections and the checks across them."""

from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, model_validator

from latefusion.config.catalogue import CatalogueConfig, SampleConfig, Split
from latefusion.config.dangling import refuse_dangling
from latefusion.config.denoise import Denoise
from latefusion.config.experts import Expert, ExpertConfig
from latefusion.config.experts.base import Modality
from latefusion.config.fusion import Policy, Vote
from latefusion.config.images import ImageInput
from latefusion.config.references import (
    check_experiment_name,
    check_fusion,
    check_image_cache,
    check_names,
    check_policy_labels,
    check_references,
)
from latefusion.config.section import Name, NoneWord, Section
from latefusion.config.training import Hardware


def fold_name(held_out: tuple[int, ...]) -> str:
    """Return the name of a view's folder, and of its jobs: `0`, `0-1` for the pair of folds 0 and 1, `none` for ()."""
    return "-".join(map(str, held_out)) or "none"


class Experiment(Section):
    """The whole recipe. `name` is the name of the folders `weights/<name>/` and `submissions/<name>/`."""

    name: Name  # of its folders; without it, the name of the config file
    sample: SampleConfig | None = None
    catalogue: CatalogueConfig
    split: Split = Split()
    # Side in pixels of the shared cache of decoded images; auto: the largest size that an expert reads; none: no cache.
    image_cache: Annotated[Annotated[int, Field(ge=8, le=10_000)] | Literal["auto"] | None, NoneWord] = None
    experts: dict[Name, Expert] = Field(min_length=1)  # by names that you choose; each has a kind; null: left out
    denoise: Denoise | None = None
    policies: dict[Name, Policy] = Field(min_length=1)  # by names that you choose; rows of the scores; null: left out
    vote: Vote = Vote()
    # The method whose decisions are submitted. vote: the vote, as published. best: the simplest method that is not
    # clearly worse than the best one, by scores out of fold; `scores.choice` has the rule.
    submit: Literal["vote", "best"] = "vote"
    # By which epochs, weights of policies and the submitted method are chosen. auto: macro_f1, as published for the
    # challenge; of products with several labels micro_f1. accuracy: of these, the share of products whose most probable
    # label is one of theirs, as Zahavy et al. count.
    metric: Literal["auto", "macro_f1", "micro_f1", "weighted_f1", "accuracy"] = "auto"
    # Products with several labels only: which are assigned; thresholds are learnt on the products that policies learn
    # from (out of fold there). calibrated: those with a calibrated probability of 0.5 or more. half: those to which the
    # expert or policy itself gives 0.5 or more, as published. tuned: each class has a threshold of its own, together
    # those with the highest micro-F1, or for macro_f1 and weighted_f1 as `metric` each the one with its highest F1.
    label_thresholds: Literal["calibrated", "half", "tuned"] = "calibrated"
    hardware: Hardware = Hardware()
    _held_out: tuple[int, ...] | None = PrivateAttr(None)  # see `of_fold`

    @model_validator(mode="after")
    def _check_names(self, info: ValidationInfo) -> "Experiment":
        check_experiment_name(self.name)
        check_names([*self.experts, *self.policies])
        votes = {
            key: names for key, names in self._votes.items() if key != "vote.members" or self.vote.members == names
        }
        refuse_dangling(self.experts, self.policies, votes, (info.context or {}).get("removed", ()))
        check_references(self.experts, has_denoise=self.denoise is not None)
        check_image_cache(self.cache_side, self._image_inputs)
        check_fusion(self.experts, self.policies, self._votes)
        return self

    @model_validator(mode="after")
    def _check_labels(self) -> "Experiment":
        check_policy_labels(self.policies, several=self.several)
        if self.several and self.denoise is not None:
            raise ValueError("denoise: not for catalogue.labels: several; remove the section")
        if self.several:
            for name, expert in self.experts.items():
                if expert.one_label_only is not None:
                    raise ValueError(f"experts.{name}.{expert.one_label_only}")
            return self
        if self.metric == "micro_f1":
            raise ValueError("metric: of products with one label, micro_f1 is accuracy: write accuracy")
        if "label_thresholds" in self.model_fields_set:
            raise ValueError("label_thresholds: only for catalogue.labels: several")
        for name, expert in self.experts.items():
            if expert.training is not None and expert.training.positive_weight != 1:
                raise ValueError(f"experts.{name}.train.positive_weight: only for catalogue.labels: several")
        return self

    @model_validator(mode="after")
    def _check_products(self) -> "Experiment":
        catalogue, split = self.catalogue, self.split
        if self.sample is not None and catalogue.format == "table" and catalogue.label_separator != "|":
            raise ValueError(
                "sample: cannot be drawn in format table for products with one label: set catalogue.format to sigir or "
                "ens, or catalogue.labels to several and catalogue.label_separator to |"
            )
        if catalogue.columns.split is None and split.n_folds is None and not split.valid_fraction:
            raise ValueError(
                "split.valid_fraction 0: there would be no valid products: set it above 0, or n_folds, or "
                "catalogue.columns.split"
            )
        if problem := self._split_by_problem():
            raise ValueError(f"split.by {split.by}: {problem}")
        for name, policy in self.policies.items():
            if split.nested and "n_folds" in policy.model_fields_set and policy.n_folds != split.n_folds:
                raise ValueError(f"policies.{name}.n_folds: with split.nested, policies have the folds of the experts")
        if split.n_folds is not None and self.cleans_valid:
            raise ValueError("denoise.clean_valid: not with split.n_folds, which needs no valid split")
        return self

    def _split_by_problem(self) -> str | None:
        """Return why the products cannot be split in the order of time, None if they can or need not be."""
        columns, split = self.catalogue.columns, self.split
        if split.by == "random":
            return None
        if columns.split is not None:
            return "not with catalogue.columns.split, which assigns the splits: remove one of the two"
        if not split.test_fraction and split.n_folds is not None:
            return "nothing is held out: set split.test_fraction above 0"
        if split.by == "time" and columns.time is None:
            return "name the column of dates or numbers: catalogue.columns.time"
        return None

    @property
    def several(self) -> bool:
        """Whether products have several labels."""
        return self.catalogue.labels == "several"

    @property
    def chosen_by(self) -> str:
        """The name of the metric by which epochs, weights and methods are chosen."""
        if self.metric != "auto":
            return self.metric
        return "micro_f1" if self.several else "macro_f1"

    @property
    def run_root(self) -> Path:
        """The folder of all run folders."""
        return Path("weights") / self.name

    @property
    def held_out(self) -> tuple[int, ...] | None:
        """The folds of which this is the view (see `of_fold`); None for the whole experiment."""
        return self._held_out

    @property
    def fold_root(self) -> Path:
        """The folder of the run folders of this view; for the whole experiment, `run_root`."""
        return self.run_root if self._held_out is None else self.run_root / "folds" / fold_name(self._held_out)

    def of_fold(self, *folds: int) -> "Experiment":
        """Return the view of a fold of a cross-fitted experiment: the same config, with run folders of its own.

        Its dataset (`tables.dataset.read_dataset`) has the fold as valid split, and the other folds as train. So an
        expert is trained in a fold as it is in an experiment with one valid split. Of two folds, both are held out;
        without any, all labelled products are train.
        """
        view = self.model_copy()
        view._held_out = folds
        return view

    @property
    def folds(self) -> "tuple[Experiment, ...]":
        """The views of all folds; empty without cross-fitting."""
        return tuple(map(self.of_fold, range(self.split.n_folds or 0)))

    @property
    def fold_pairs(self) -> "tuple[Experiment, ...]":
        """The views of all pairs of folds; empty unless cross-fitting is nested."""
        n_folds = self.split.n_folds if self.split.nested else None
        return tuple(self.of_fold(*pair) for pair in combinations(range(n_folds or 0), 2))

    def views_of(self, expert_name: str) -> "tuple[Experiment, ...]":
        """Return the views in which an expert is trained; without cross-fitting, the experiment itself."""
        if not self.folds:
            return (self,)
        refit = (self.of_fold(),) if self.experts[expert_name].refits else ()
        return (*self.folds, *self.fold_pairs, *refit)

    def views_of_test(self, expert_name: str) -> "tuple[Experiment, ...]":
        """Return the views in which an expert predicts test products, for their mean; without cross-fitting, itself."""
        if not self.folds:
            return (self,)
        return (self.of_fold(),) if self.experts[expert_name].refits else self.folds

    def expert_dir(self, name: str) -> Path:
        """Return the run folder of an expert."""
        return self.fold_root / "experts" / name

    @property
    def denoise_dir(self) -> Path:
        """The run folder of denoising."""
        return self.fold_root / "denoise"

    def policy_dir(self, name: str) -> Path:
        """Return the run folder of a policy."""
        return self.run_root / "policies" / name

    @property
    def submission_dir(self) -> Path:
        return Path("submissions") / self.name

    @property
    def cache_side(self) -> int | None:
        """The side in pixels of the cached images, or None without a cache."""
        if self.image_cache == "auto":
            return max((image.resize for image in self._image_inputs.values()), default=None)
        return self.image_cache

    @property
    def _votes(self) -> dict[str, tuple[str, ...]]:
        """The members of each vote, by its key in the config; without the vote where there may be none."""
        subsets = {f"vote.subsets.{name}": members for name, members in self.vote.subsets.items()}
        may_be_none = self.submit == "best" and self.vote.members == "networks" and not subsets
        return subsets if may_be_none and not self.has_vote else {"vote.members": self.vote_members} | subsets

    @property
    def _image_inputs(self) -> dict[str, ImageInput]:
        """The image input of each network that reads images, by its key in the config."""
        readers: dict[str, ExpertConfig] = {f"experts.{name}": expert for name, expert in self.experts.items()}
        if self.denoise is not None:
            readers["denoise.network"] = self.denoise.network
        inputs = {f"{key}.image": reader.image_input for key, reader in readers.items()}
        return {key: image for key, image in inputs.items() if image is not None}

    def require_denoise(self) -> Denoise:
        """Return the `denoise` section. Raises TypeError if there is none."""
        if self.denoise is None:
            raise TypeError(f"{self.name} has no denoise section")
        return self.denoise

    @property
    def vote_members(self) -> tuple[str, ...]:
        """The names of the policies that vote."""
        if self.vote.members == "networks":
            return tuple(name for name, policy in self.policies.items() if policy.kind == "network")
        return self.vote.members

    @property
    def has_vote(self) -> bool:
        """Whether policies vote: not if no policy is of kind network, unless `vote.members` names others."""
        return bool(self.vote_members)

    @property
    def cleans_valid(self) -> bool:
        """Whether validation products that denoising removed are excluded from all scores and choices."""
        return self.denoise is not None and self.denoise.clean_valid

    def network_of(self, expert_name: str) -> ExpertConfig:
        """Return the expert that trained the network: for a late checkpoint its parent, otherwise the expert itself."""
        expert: ExpertConfig = self.experts[expert_name]
        while expert.checkpoint_of is not None:
            expert = self.experts[expert.checkpoint_of]
        return expert

    def modality(self, expert_name: str) -> Modality:
        """Return an expert's modality: `text`, `image` or `joint`."""
        return self.network_of(expert_name).modality
