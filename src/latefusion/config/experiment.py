"""The whole page."""

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from latefusion.config.catalogue import CatalogueConfig, SampleConfig, Split
from latefusion.config.experts import Denoise, Expert, LateExpert, TfidfExpert, TransformerExpert
from latefusion.config.fusion import Policy, Vote
from latefusion.config.references import check_fusion, check_references
from latefusion.config.section import Name, Section
from latefusion.config.training import Hardware


class Experiment(Section):
    """The whole recipe. `name` names the folders `weights/<name>/` and `submissions/<name>/`."""

    name: Name
    sample: SampleConfig | None = None
    catalogue: CatalogueConfig
    split: Split = Split()
    image_cache: int | None = Field(None, ge=8)  # side in pixels of the shared cache of decoded images; none: no cache
    experts: dict[Name, Expert] = Field(min_length=1)
    denoise: Denoise | None = None
    policies: dict[Name, Policy] = Field(min_length=1)
    vote: Vote = Vote()
    hardware: Hardware = Hardware()

    @model_validator(mode="after")
    def _names_resolve(self) -> "Experiment":
        check_references(self.experts, self.image_cache, cleans=self.denoise is not None)
        check_fusion(self.experts, self.policies, self.vote_members)
        return self

    @property
    def run_root(self) -> Path:
        return Path("weights") / self.name

    @property
    def submission_dir(self) -> Path:
        return Path("submissions") / self.name

    @property
    def vote_members(self) -> tuple[str, ...]:
        return tuple(self.policies) if self.vote.members == "all" else self.vote.members

    def modality(self, expert_name: str) -> Literal["text", "image"]:
        """Tell whether an expert reads the text or the image; a late checkpoint reads what its parent reads."""
        expert = self.experts[expert_name]
        if isinstance(expert, LateExpert):
            return self.modality(expert.of)
        return "text" if isinstance(expert, TransformerExpert | TfidfExpert) else "image"
