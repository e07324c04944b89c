"""Experts that read text: `transformer` (a Hugging Face encoder), `text_cnn` and `tfidf` (a linear classifier)."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, model_validator

from latefusion.config.experts.base import ExpertConfig
from latefusion.config.section import Fraction, NoneWord, Section, Seed
from latefusion.config.training import TextCnnTraining, TextTraining

# How HTML entities are treated (see `dataset.cleaning`). decode: they become characters; published: they become spaces,
# so accents are lost; repair: as decode, and ftfy repairs mojibake (`Ã©` -> `é`).
Cleaning = Literal["decode", "published", "repair"]
# Which of a product's texts an expert reads. A product without the one that it reads has class frequencies as
# prediction (`experts.without_text`).
Reads = Literal["both", "title", "description"]


class ScratchEncoder(Section):
    """A small CamemBERT with random weights and a sentencepiece vocabulary learnt from the training texts."""

    vocab_size: int = Field(8000, ge=100)  # sentencepiece tokens
    hidden_size: int = Field(128, ge=8)  # features of a token
    num_hidden_layers: int = Field(2, ge=1)  # transformer layers
    num_attention_heads: int = Field(4, ge=1)  # of each layer
    intermediate_size: int = Field(512, ge=8)  # of the feed-forward part

    @model_validator(mode="after")
    def _check_heads(self) -> "ScratchEncoder":
        if self.hidden_size % self.num_attention_heads:
            heads = self.num_attention_heads
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {heads}")
        return self


class TransformerExpert(ExpertConfig):
    """A Hugging Face encoder on title and description: pretrained (`model`) or trained from scratch (`scratch`)."""

    modality: ClassVar = "text"
    step: ClassVar = "text"
    joins: ClassVar = ("frozen", "end_to_end")

    kind: Literal["transformer"]
    model: str | None = None  # a name on the Hugging Face hub, or a folder; or give scratch
    scratch: ScratchEncoder | None = None
    max_length: int = Field(128, ge=8)  # tokens of the pair
    reads: Reads = "both"  # title, description, or both as a pair
    cleaning: Cleaning = "decode"  # of HTML entities: decode them, spaces as published, or repair mojibake too
    # pad_token: the text `<pad>`, as published; only for reads: both
    missing_description: Literal["title_only", "pad_token"] = "title_only"
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
    def _check_missing_description(self) -> "TransformerExpert":
        if self.missing_description == "pad_token" and self.reads != "both":
            raise ValueError(f"missing_description: pad_token is not for reads: {self.reads}")
        return self

    @model_validator(mode="after")
    def _check_frozen_layers(self) -> "TransformerExpert":
        self.train.require_pretrained(self.model is not None, "give a pretrained model instead of scratch")
        return self

    @property
    def pretrained_model(self) -> str | None:
        return self.model


def _read_list(value: object) -> object:
    """Return the words of a list file, one per line, if `value` is a path; so the config holds the words themselves."""
    if not isinstance(value, str) or value == "english":
        return value
    try:
        return Path(value).read_text(encoding="utf-8-sig").split()
    except (OSError, UnicodeError) as error:
        raise ValueError(
            f"{value}: not `english`, and no text file with a word per line can be read there ({error})"
        ) from None


StopWords = Annotated[Literal["english"] | tuple[str, ...] | None, BeforeValidator(_read_list), NoneWord]


def _check_widths(widths: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(widths)) < len(widths):
        raise ValueError(f"should be different widths, not {list(widths)}")
    return widths


FilterWidths = Annotated[
    tuple[Annotated[int, Field(ge=1, le=1000)], ...], Field(min_length=1), AfterValidator(_check_widths)
]


class TextCnnExpert(ExpertConfig):
    """A convolutional network on the words of a text (Kim, EMNLP 2014), trained from scratch or on given word vectors.

    The defaults are those of Zahavy et al. (2016), except that it reads title and description. They read
    `reads: title` with `max_words: 40`. docs/recipe.md has the settings of Wirojwatanakul and Wangperawong (2019).
    """

    modality: ClassVar = "text"
    step: ClassVar = "text"
    joins: ClassVar = ("frozen", "end_to_end")

    kind: Literal["text_cnn"]
    reads: Reads = "both"  # title, description, or both one after the other
    cleaning: Cleaning = "decode"  # of HTML entities: decode them, spaces as published, or repair mojibake too
    # How the text becomes words. title: lower case, punctuation and symbols separate words. description: the same, and
    # digits, words of more than 30 characters and stop words are removed.
    preprocessing: Literal["title", "description"] = "title"
    # Of preprocessing: description. english: scikit-learn's list; none; a file with one word per line, or a list.
    stop_words: StopWords = "english"
    max_words: int = Field(300, ge=1, le=100_000)  # later words are not read
    min_count: int = Field(1, ge=1)  # a word is in the vocabulary if it occurs this often in the training texts
    max_vocabulary: int = Field(200_000, ge=1)  # the most frequent words
    embedding_size: int = Field(100, ge=1)  # numbers of a word vector
    # A file of word vectors in the text format of GloVe or word2vec, plain or .gz: its path, or its name below
    # weights/pretrained/. Words that it lacks, and without a file all, begin at random.
    word_vectors: Annotated[str | None, NoneWord] = None
    train_vectors: bool = True  # false: the given word vectors stay as they are
    filter_widths: FilterWidths = (3, 4, 5)  # in words
    filters: int = Field(128, ge=1)  # of each width
    hidden_size: Annotated[int | None, NoneWord] = Field(None, ge=1)  # of a layer with ReLU before the class head
    dropout: Fraction = 0.5  # of the class head's input
    train: TextCnnTraining = TextCnnTraining()

    @model_validator(mode="after")
    def _check_words(self) -> "TextCnnExpert":
        if self.max_words < max(self.filter_widths):
            raise ValueError(f"max_words {self.max_words} is below {max(self.filter_widths)}, the largest filter width")
        if self.preprocessing == "title" and "stop_words" in self.model_fields_set:
            raise ValueError("stop_words is only for preprocessing: description")
        if not self.train_vectors and self.word_vectors is None:
            raise ValueError("train_vectors: false needs word_vectors: random ones would not be trained")
        return self

    @property
    def pretrained_model(self) -> str | None:
        return self.word_vectors

    @property
    def hub_name(self) -> None:
        """None: word vectors are files of one's own."""

    @property
    def starts_pretrained(self) -> bool:
        """False: its filters always begin at random."""
        return False


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
    word_ngrams: NgramLengths = (1, 2)  # shortest and longest, in words
    char_ngrams: Annotated[NgramLengths | None, NoneWord] = (3, 4)  # within words
    min_df: int = Field(2, ge=1)  # products in which an n-gram must occur
    max_features: int = Field(300_000, ge=100)  # size of each of the two vocabularies: the most frequent n-grams
    regularisation: tuple[PositiveFloat, ...] = Field((0.1, 0.3, 1.0, 3.0), min_length=1)  # values of C to choose from
    n_folds: int = Field(4, ge=2)  # of the cross-validation that chooses scikit-learn's C and calibrates
    cv_products: int = Field(20_000, ge=100)  # C is chosen on a sample of about this many products
    reads: Reads = "both"  # title, description, or both as one text
    cleaning: Cleaning = "decode"  # of HTML entities: decode them, spaces as published, or repair mojibake too
    seed: Seed = 2020  # of the folds and of the SVMs

    @property
    def folds_of_train(self) -> int | None:
        return self.n_folds
