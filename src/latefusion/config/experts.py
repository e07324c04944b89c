"""The experts by kind, and the denoising that feeds the image experts."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, model_validator

from latefusion.config.joint import AnyJointExpert
from latefusion.config.section import Fraction, Name, NoneWord, Section, Seed
from latefusion.config.training import DclTraining, ImageTraining, TextTraining

# decode: entities become characters; published: they become spaces, accents are lost; repair: decode, and ftfy undoes
# mojibake (`Ã©` -> `é`).
Cleaning = Literal["decode", "published", "repair"]


class ScratchEncoder(Section):
    """A small CamemBERT with random weights and a sentencepiece vocabulary learnt from the training texts."""

    vocab_size: int = Field(8000, ge=100)
    hidden_size: int = Field(128, ge=8)
    num_hidden_layers: int = Field(2, ge=1)
    num_attention_heads: int = Field(4, ge=1)
    intermediate_size: int = Field(512, ge=8)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> "ScratchEncoder":
        if self.hidden_size % self.num_attention_heads:
            heads = self.num_attention_heads
            raise ValueError(f"hidden_size {self.hidden_size} is no multiple of num_attention_heads {heads}")
        return self


class TransformerExpert(Section):
    """A Hugging Face encoder on (title, description): `model` names pretrained weights, `scratch` starts without."""

    kind: Literal["transformer"]
    model: str | None = None
    scratch: ScratchEncoder | None = None
    max_length: int = Field(128, ge=8)  # tokens of the pair
    cleaning: Cleaning = "decode"
    missing_description: Literal["title_only", "pad_token"] = "title_only"  # pad_token: the published literal `<pad>`
    head_bias: bool = True  # the published code has none
    # Of the encoder's layers; none given: what the encoder was made with.
    dropout: Annotated[Fraction | None, NoneWord] = None
    train: TextTraining = TextTraining()

    @model_validator(mode="after")
    def _one_origin(self) -> "TransformerExpert":
        if (self.model is None) == (self.scratch is None):
            raise ValueError("give either model (pretrained weights) or scratch (a small encoder to train), not both")
        return self


def _refuse_descending(lengths: tuple[int, int]) -> tuple[int, int]:
    if not 1 <= lengths[0] <= lengths[1]:
        raise ValueError("should be two lengths, the shorter first and 1 or more, such as [1, 2]")
    return lengths


NgramLengths = Annotated[tuple[int, int], AfterValidator(_refuse_descending)]


class TfidfExpert(Section):
    """TF-IDF of words and characters with a linear classifier: no weights to download, strong on small catalogues."""

    kind: Literal["tfidf"]
    word_ngrams: NgramLengths = (1, 2)
    char_ngrams: Annotated[NgramLengths | None, NoneWord] = (3, 4)  # within words
    min_df: int = Field(2, ge=1)  # products an n-gram must be in
    max_features: int = Field(300_000, ge=100)  # of each of the two vocabularies, the most frequent
    regularisation: tuple[PositiveFloat, ...] = Field((0.1, 0.3, 1.0, 3.0), min_length=1)  # scikit-learn's C: the best
    n_folds: int = Field(4, ge=2)  # of the cross-validation that chooses C, and that calibrates
    cv_products: int = Field(20_000, ge=100)  # C is chosen on about so many
    cleaning: Cleaning = "decode"
    seed: Seed = 2020


class ImageInput(Section):
    """Pixels: every picture is resized to a square of `resize`, of which the network sees a square of `crop`."""

    resize: int = Field(256, ge=8, le=10_000)
    crop: int = Field(224, ge=8)
    rotate: float = Field(15.0, ge=0, le=180)  # degrees either way, training only
    flip: bool = True  # horizontally, training only

    @model_validator(mode="after")
    def _crop_fits(self) -> "ImageInput":
        if self.crop > self.resize:
            raise ValueError(f"crop {self.crop} is larger than resize {self.resize}")
        return self


# What the expert itself gives to timm.create_model, or what would put weights of unknown origin into the network.
OWN_MODEL_ARGS = ("model_name", "num_classes", "in_chans", "global_pool", "checkpoint_path", "features_only")


class CnnExpert(Section):
    """Any timm network; name the tag of pretrained weights (`resnet152.tv_in1k`), the bare name is another recipe.

    With `start_from`, the network of another `cnn` expert goes on: larger pictures, other products, plain fine-tuning.
    """

    kind: Literal["cnn"] = "cnn"
    model: str | None = None
    start_from: Name | None = None
    pretrained: bool = True
    model_args: dict[str, int | float | str | bool | tuple[int, ...]] = Field({})  # timm.create_model's own arguments
    image: ImageInput = ImageInput()
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed
    train: ImageTraining = ImageTraining()

    @model_validator(mode="after")
    def _one_origin(self) -> "CnnExpert":
        if (self.model is None) == (self.start_from is None):
            raise ValueError("give either model (a timm network) or start_from (a cnn expert that goes on), not both")
        inherited = sorted({"pretrained", "model_args"} & self.model_fields_set)
        if self.start_from is not None and inherited:
            raise ValueError(f"{', '.join(inherited)}: the network is that of start_from '{self.start_from}'")
        return self

    @model_validator(mode="after")
    def _model_args_are_the_users(self) -> "CnnExpert":
        taken = [key for key in self.model_args if key in OWN_MODEL_ARGS or key.startswith("pretrained")]
        if taken:
            raise ValueError(f"model_args: {', '.join(taken)} cannot be given here, the expert needs its own")
        return self


class DclExpert(Section):
    """Destruction and construction learning (Chen et al., CVPR 2019), continuing from a `cnn` expert."""

    kind: Literal["dcl"]
    start_from: Name
    image: ImageInput = ImageInput(resize=512, crop=448)
    grid: int = Field(7, ge=2)
    neighbourhood: int = Field(2, ge=1)  # tiles (and rows of tiles) shuffled together; 1: no destruction
    location_targets: Literal["exact", "nearest_mean"] = (
        "exact"  # nearest_mean: the released code's guess by mean colour
    )
    adversarial: Literal["cls_2", "cls_mul"] = "cls_2"
    adv_weight: float = Field(1.0, ge=0)
    loc_weight: float = Field(1.0, ge=0)  # 0.01 in the authors' car and aircraft runs
    head_lr_factor: float = Field(10.0, gt=0)
    train_on: Literal["all", "clean"] = "all"
    train: DclTraining = DclTraining()

    @model_validator(mode="after")
    def _grid_fits(self) -> "DclExpert":
        if self.image.crop % self.grid:
            raise ValueError(f"grid {self.grid} does not divide crop {self.image.crop}")
        if self.neighbourhood > self.grid:
            raise ValueError(f"neighbourhood {self.neighbourhood} is more than the {self.grid} tiles of a row")
        return self


class LateExpert(Section):
    """A late checkpoint of another expert, as an expert of its own: 0 is the final epoch, 1 the one before."""

    kind: Literal["late"]
    of: Name
    epochs_before_end: int = Field(0, ge=0)


Expert = Annotated[
    TransformerExpert | TfidfExpert | CnnExpert | DclExpert | AnyJointExpert | LateExpert, Field(discriminator="kind")
]


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
