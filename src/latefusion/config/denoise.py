"""Config section about denoising: how label issues are found, and which of them are removed."""

from typing import Literal

from pydantic import Field, model_validator

from latefusion.config.experts import CnnExpert
from latefusion.config.section import Section


class Denoise(Section):
    """Find label issues with cleanlab from the out-of-fold probabilities of `network`, and remove the worst ones."""

    network: CnnExpert
    n_folds: int = Field(4, ge=2)  # networks; each predicts the products that it was not trained on
    remove_fraction: float = Field(0.1, ge=0, le=1)  # of the FLAGGED products, not of all
    # At most this fraction of a class is removed: in a small class, all products may be flagged.
    max_class_share: float = Field(0.2, ge=0, le=1)
    rank_by: Literal["normalized_margin", "self_confidence"] = "normalized_margin"  # as published; cleanlab's names
    # Clean the valid split too, as the winners did. It makes validation scores too high: the products removed are those
    # that image networks, such as the scored ones, get wrong.
    clean_valid: bool = False
    gallery: int = Field(1000, ge=0)  # products shown in label_issues.html
    filter_by: Literal["prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given"] = (
        "prune_by_noise_rate"  # cleanlab's names; both: flagged by both prune filters
    )

    @property
    def splits(self) -> tuple[str, ...]:
        return ("train", "valid") if self.clean_valid else ("train",)

    @model_validator(mode="after")
    def _trains_on_all(self) -> "Denoise":
        if self.network.train_on != "all":
            raise ValueError("network.train_on: must be all, because the fold networks are trained before cleaning")
        if self.network.start_from is not None:
            raise ValueError(
                "network.start_from: not allowed, because a fold network must not start from weights that were trained "
                "on the products it predicts"
            )
        return self
