"""Experts that read text: `transformer` (a Hugging Face encoder) and `tfidf` (a linear classifier)."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveFloat, model_validator

from latefusion.config.experts.base import ExpertConfig
from latefusion.config.section import Fraction, NoneWord, Section, Seed
from latefusion.config.training import TextTraining

# How HTML entities are treated (see `dataset.cleaning`). decode: they become characters; published: they become spaces,
# so accents are lost; repair: as decode, and ftfy repairs mojibake (`Ã©` -> `é`).
Cleaning = Literal["decode", "published", "repair"]


class ScratchEncoder(Section):
    """A small CamemBERT with random weights and a sentencepiece vocabulary learnt from the training texts."""

    vocab_size: int = Field(8000, ge=100)
    hidden_size: int = Field(128, ge=8)
    num_hidden_layers: int = Field(2, ge=1)
    num_attention_heads: int = Field(4, ge=1)
    intermediate_size: int = Field(512, ge=8)

    @model_validator(mode="after")
    def _check_heads(self) -> "ScratchEncoder":
        if self.hidden_size % self.num_attention_heads:
            heads = self.num_attention_heads
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {heads}")
        return self


class TransformerExpert(ExpertConfig):
    """A Hugging Face encoder on (title, description): pretrained (`model`) or trained from scratch (`scratch`)."""

    modality: ClassVar = "text"
    step: ClassVar = "text"
    joins: ClassVar = ("frozen", "end_to_end")

    kind: Literal["transformer"]
    model: str | None = None
    scratch: ScratchEncoder | None = None
    max_length: int = Field(128, ge=8)  # tokens of the pair
    cleaning: Cleaning = "decode"
    missing_description: Literal["title_only", "pad_token"] = "title_only"  # pad_token: the text `<pad>`, as published
    # published: the encoder's own pooler, or its first token without one; mean: over the tokens, for sentence encoders
    pooling: Literal["published", "mean"] = "published"
    head_bias: bool = True  # false in the published code
    # Of the encoder's layers; none: the value of the encoder's own config.
    dropout: Annotated[Fraction | None, NoneWord] = None
    head_lr_factor: float = Field(1.0, gt=0)  # learning rate of the class head / lr
    train: TextTraining = TextTraining()

    @model_validator(mode="after")
    def _one_origin(self) -> "TransformerExpert":
        if (self.model is None) == (self.scratch is None):
            raise ValueError("give either model (pretrained weights) or scratch (a small encoder to train), not both")
        return self

    @model_validator(mode="after")
    def _check_frozen_layers(self) -> "TransformerExpert":
        self.train.require_pretrained(self.model is not None, "give a pretrained model instead of scratch")
        return self

    @property
    def pretrained_model(self) -> str | None:
        return self.model


def _check_lengths(lengths: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= lengths[0] <= lengths[1]:
        raise ValueError("should be two lengths, the shorter first and 1 or more, such as [1, 2]")
    return lengths


NgramLengths = Annotated[tuple[int, int], AfterValidator(_check_lengths)]


class TfidfExpert(ExpertConfig):
    """TF-IDF of words and characters with a linear classifier: strong on small catalogues, no pretrained weights."""

    modality: ClassVar = "text"
    step: ClassVar = "text"
    refits: ClassVar = True

    kind: Literal["tfidf"]
    word_ngrams: NgramLengths = (1, 2)
    char_ngrams: Annotated[NgramLengths | None, NoneWord] = (3, 4)  # within words
    min_df: int = Field(2, ge=1)  # products in which an n-gram must occur
    max_features: int = Field(300_000, ge=100)  # size of each of the two vocabularies: the most frequent n-grams
    regularisation: tuple[PositiveFloat, ...] = Field((0.1, 0.3, 1.0, 3.0), min_length=1)  # values of C to choose from
    n_folds: int = Field(4, ge=2)  # of the cross-validation that chooses scikit-learn's C and calibrates
    cv_products: int = Field(20_000, ge=100)  # C is chosen on a sample of about this many products
    cleaning: Cleaning = "decode"
    seed: Seed = 2020

    @property
    def folds_of_train(self) -> int | None:
        return self.n_folds
