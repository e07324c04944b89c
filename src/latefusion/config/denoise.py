"""Denoising: which products count as label issues, and which of them are removed."""

from typing import Literal

from pydantic import Field, model_validator

from latefusion.config.experts import CnnExpert
from latefusion.config.section import Section


class Denoise(Section):
    """Label issues from out-of-fold probabilities of `network`, ranked by cleanlab; the worst are removed."""

    network: CnnExpert
    n_folds: int = Field(4, ge=2)
    remove_fraction: float = Field(0.1, ge=0, le=1)  # of the FLAGGED products, not of all
    max_class_share: float = Field(0.2, ge=0, le=1)  # a class loses no more: small ones are easily all suspicious
    rank_by: Literal["normalized_margin", "self_confidence"] = "normalized_margin"  # as published; cleanlab's names
    clean_valid: bool = False  # the winners did; it flatters the score of whoever learnt what the networks believe
    gallery: int = Field(1000, ge=0)  # products shown in label_issues.html
    filter_by: Literal["prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given"] = (
        "prune_by_noise_rate"
    )

    @property
    def splits(self) -> tuple[str, ...]:
        return ("train", "valid") if self.clean_valid else ("train",)

    @model_validator(mode="after")
    def _trains_on_all(self) -> "Denoise":
        if self.network.train_on != "all":
            raise ValueError("network.train_on: the fold networks come before cleaning and train on all")
        if self.network.start_from is not None:
            raise ValueError("network.start_from: a fold network must not have seen the products it leaves out")
        return self
