"""The whole page."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from latefusion.config.catalogue import CatalogueConfig, SampleConfig, Split
from latefusion.config.experts import (
    CnnExpert,
    DclExpert,
    Denoise,
    Expert,
    ImageInput,
    LateExpert,
    TfidfExpert,
    TransformerExpert,
)
from latefusion.config.fusion import Policy, Vote
from latefusion.config.joint import JointExpert
from latefusion.config.references import (
    check_experiment_name,
    check_fusion,
    check_image_cache,
    check_names,
    check_references,
)
from latefusion.config.section import Name, NoneWord, Section
from latefusion.config.training import Hardware


class Experiment(Section):
    """The whole recipe. `name` names the folders `weights/<name>/` and `submissions/<name>/`."""

    name: Name
    sample: SampleConfig | None = None
    catalogue: CatalogueConfig
    split: Split = Split()
    # Side in pixels of the shared cache of decoded pictures; auto: the largest that is read; none: no cache.
    image_cache: Annotated[Annotated[int, Field(ge=8, le=10_000)] | Literal["auto"] | None, NoneWord] = None
    experts: dict[Name, Expert] = Field(min_length=1)
    denoise: Denoise | None = None
    policies: dict[Name, Policy] = Field(min_length=1)
    vote: Vote = Vote()
    hardware: Hardware = Hardware()

    @model_validator(mode="after")
    def _names_resolve(self) -> "Experiment":
        check_experiment_name(self.name)
        check_names([*self.experts, *self.policies])
        check_references(self.experts, cleans=self.denoise is not None)
        check_image_cache(self.cache_side, self._image_inputs)
        check_fusion(self.experts, self.policies, {"vote.members": self.vote_members} | self._vote_subsets)
        return self

    @model_validator(mode="after")
    def _there_are_products_for_each_split(self) -> "Experiment":
        catalogue, split = self.catalogue, self.split
        if self.sample is not None and catalogue.format == "table":
            raise ValueError("sample: there is none in format table, choose catalogue.format sigir or ens")
        if catalogue.columns.split is None and not split.valid_fraction:
            raise ValueError("split.valid_fraction 0: the split leaves no valid products without a split column")
        return self

    @property
    def run_root(self) -> Path:
        return Path("weights") / self.name

    @property
    def submission_dir(self) -> Path:
        return Path("submissions") / self.name

    @property
    def cache_side(self) -> int | None:
        """Side in pixels of the cached pictures, where there is a cache."""
        if self.image_cache == "auto":
            return max((image.resize for image in self._image_inputs.values()), default=None)
        return self.image_cache

    @property
    def _vote_subsets(self) -> dict[str, tuple[str, ...]]:
        return {f"vote.subsets.{name}": members for name, members in self.vote.subsets.items()}

    @property
    def _image_inputs(self) -> dict[str, ImageInput]:
        """How pictures are read, by the page's key that says so."""
        readers = {f"experts.{name}": expert for name, expert in self.experts.items()}
        if self.denoise is not None:
            readers["denoise.network"] = self.denoise.network
        return {
            f"{key}.image": reader.image for key, reader in readers.items() if isinstance(reader, CnnExpert | DclExpert)
        }

    @property
    def vote_members(self) -> tuple[str, ...]:
        if self.vote.members == "networks":
            return tuple(name for name, policy in self.policies.items() if policy.kind == "network")
        return self.vote.members

    @property
    def cleans_valid(self) -> bool:
        """Tell whether label issues among the validation products are left out of account."""
        return self.denoise is not None and self.denoise.clean_valid

    def stage_1(self, expert: CnnExpert | DclExpert) -> CnnExpert:
        """Return the expert whose `model` is an image expert's network: the one that went on from no other."""
        while expert.start_from is not None:
            expert = self.experts[expert.start_from]
        return expert

    def modality(self, expert_name: str) -> Literal["text", "image", "joint"]:
        """Tell whether an expert reads text, image or both; a late checkpoint reads what its parent reads."""
        expert = self.experts[expert_name]
        if isinstance(expert, LateExpert):
            return self.modality(expert.of)
        if isinstance(expert, JointExpert):
            return "joint"
        return "text" if isinstance(expert, TransformerExpert | TfidfExpert) else "image"
