"""The experiment: one frozen page of YAML that holds the whole recipe.

Reads `configs/<experiment>.yaml`; a YAML page holds only what differs from the defaults below, and the defaults are the
published recipe (Bi et al., "A Multimodal Late Fusion Model for E-Commerce Product Classification", SIGIR eCom 2020).
This module imports neither torch nor pandas, so a bad page is refused at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latefusion.nearest import did_you_mean

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Fraction = Annotated[float, Field(ge=0, lt=1)]
RESERVED_NAMES = ("catalogue", "cache", "denoise", "vote", "scores", "submission")


class Section(BaseModel):
    """A part of the page: frozen, and unknown keys are refused with the nearest known one."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: object) -> object:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    message = f"unknown key '{key}'{did_you_mean(str(key), cls.model_fields)}"
                    raise PydanticCustomError("unknown_key", "{message}", {"message": message, "key": str(key)})
        return data


class SampleConfig(Section):
    """The synthetic catalogue to draw into `catalogue.root`; pages about real products leave it out."""

    products: int = Field(5000, ge=200)
    seed: int = 2020
    label_noise: Fraction = 0.05
    missing_descriptions: Fraction = 0.351
    image_size: int = Field(500, ge=64)


class Columns(Section):
    """Which column of a table holds what; `split` (train, valid, test) is obeyed where it is named."""

    id: str = "id"
    title: str = "title"
    description: str | None = "description"
    image: str | None = "image_path"
    label: str = "label"
    split: str | None = None


class CatalogueConfig(Section):
    """Where the products are, and in whose layout. All file names are relative to `root`."""

    format: Literal["table", "sigir", "ens"]
    root: Path
    products: str = "products.csv"  # table only: CSV, TSV or Parquet
    test_products: str | None = None  # table only: products without labels, to be predicted
    columns: Columns = Columns()
    test_labels: str | None = None  # true labels of the unlabelled test set, for scoring only
    bad_images: Literal["error", "keep", "drop"] = "error"  # keep: as "no image"

    @model_validator(mode="after")
    def _refuse_table_keys_elsewhere(self) -> "CatalogueConfig":
        table_keys = {"products", "test_products", "columns"} & self.model_fields_set
        if self.format != "table" and table_keys:
            raise ValueError(f"{', '.join(sorted(table_keys))}: only for format table, not for {self.format}")
        return self


class Split(Section):
    """Stratified shares of the labelled products; `test_fraction` is held out to score on."""

    valid_fraction: Fraction = 0.1
    test_fraction: Fraction = 0.0
    seed: int = 2020

    @model_validator(mode="after")
    def _something_is_left(self) -> "Split":
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError("valid_fraction and test_fraction leave nothing to train on")
        return self


class Training(Section):
    """How the one loop trains a network. `batch_size` is global: processes share it out among themselves."""

    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    lr: float = Field(gt=0)
    optimizer: Literal["adamw", "sgd"]
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.9, ge=0, lt=1)  # sgd only
    schedule: Literal["linear", "step"]
    warmup_fraction: Fraction = 0.0  # of all steps, both schedules
    decay_every: int = Field(12, ge=1)  # step only: epochs
    decay_rate: float = Field(0.1, gt=0, le=1)  # step only
    keep_last: int = Field(0, ge=0)  # weights of the last k epochs, for experts of kind `late`
    seed: int = 2020


class TextTraining(Training):
    """AdamW with linear decay after warm-up, no weight decay: the best published checkpoint's settings."""

    epochs: int = Field(30, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(5e-5, gt=0)
    optimizer: Literal["adamw", "sgd"] = "adamw"
    schedule: Literal["linear", "step"] = "linear"
    warmup_fraction: Fraction = 0.1


class ImageTraining(Training):
    """SGD, x0.1 every 12 epochs (paper; the published code's default is 10)."""

    epochs: int = Field(60, ge=1)
    batch_size: int = Field(128, ge=1)
    lr: float = Field(0.01, gt=0)
    optimizer: Literal["adamw", "sgd"] = "sgd"
    schedule: Literal["linear", "step"] = "step"


class DclTraining(ImageTraining):
    """The second stage: fewer epochs, and a batch whose images each come twice (original and destroyed)."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(32, ge=1)


class ScratchEncoder(Section):
    """A small CamemBERT with random weights and a sentencepiece vocabulary learnt from the training texts."""

    vocab_size: int = Field(8000, ge=100)
    hidden_size: int = Field(128, ge=8)
    num_hidden_layers: int = Field(2, ge=1)
    num_attention_heads: int = Field(4, ge=1)
    intermediate_size: int = Field(512, ge=8)
    dropout: Fraction = 0.1


class TransformerExpert(Section):
    """A Hugging Face encoder on (title, description): `model` names pretrained weights, `scratch` starts without."""

    kind: Literal["transformer"]
    model: str | None = None
    scratch: ScratchEncoder | None = None
    max_length: int = Field(128, ge=8)
    cleaning: Literal["decode", "published"] = "decode"  # published: entities and tags become spaces, accents are lost
    missing_description: Literal["title_only", "pad_token"] = "title_only"  # pad_token: the published literal `<pad>`
    head_bias: bool = True  # the published code has none
    train: TextTraining = TextTraining()

    @model_validator(mode="after")
    def _one_origin(self) -> "TransformerExpert":
        if (self.model is None) == (self.scratch is None):
            raise ValueError("give either model (pretrained weights) or scratch (a small encoder to train), not both")
        return self


class TfidfExpert(Section):
    """TF-IDF of words and characters with logistic regression: no weights to download, strong on small catalogues."""

    kind: Literal["tfidf"]
    word_ngrams: tuple[int, int] = (1, 2)
    char_ngrams: tuple[int, int] | None = (3, 5)
    min_df: int = Field(2, ge=1)
    max_features: int = Field(300_000, ge=100)  # of each of the two vocabularies
    regularisation: float = Field(10.0, gt=0)  # scikit-learn's C
    cleaning: Literal["decode", "published"] = "decode"


class ImageInput(Section):
    """Pixels: every picture is resized to a square of `resize`, of which the network sees a square of `crop`."""

    resize: int = Field(256, ge=8)
    crop: int = Field(224, ge=8)
    rotate: float = Field(15.0, ge=0, le=180)  # degrees either way, training only
    flip: bool = True  # horizontally, training only

    @model_validator(mode="after")
    def _crop_fits(self) -> "ImageInput":
        if self.crop > self.resize:
            raise ValueError(f"crop {self.crop} is larger than resize {self.resize}")
        return self


class CnnExpert(Section):
    """Any timm network; name the tag of pretrained weights (`resnet152.tv_in1k`), the bare name is another recipe."""

    kind: Literal["cnn"] = "cnn"
    model: str
    pretrained: bool = True
    model_args: dict[str, int | float | str | bool | tuple[int, ...]] = {}  # timm.create_model's own arguments
    image: ImageInput = ImageInput()
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed
    train: ImageTraining = ImageTraining()


class DclExpert(Section):
    """Destruction and construction learning (Chen et al., CVPR 2019), continuing from a `cnn` expert."""

    kind: Literal["dcl"]
    start_from: Name
    image: ImageInput = ImageInput(resize=512, crop=448)
    grid: int = Field(7, ge=2)
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
        return self


class LateExpert(Section):
    """A late checkpoint of another expert, as an expert of its own: 0 is the final epoch, 1 the one before."""

    kind: Literal["late"]
    of: Name
    epochs_before_end: int = Field(0, ge=0)


Expert = Annotated[TransformerExpert | TfidfExpert | CnnExpert | DclExpert | LateExpert, Field(discriminator="kind")]


class Denoise(Section):
    """Label issues from out-of-fold probabilities of `network`, ranked by cleanlab; the worst are removed."""

    network: CnnExpert
    n_folds: int = Field(4, ge=2)
    remove_fraction: float = Field(0.1, ge=0, le=1)  # of the FLAGGED products, not of all
    filter_by: Literal["prune_by_noise_rate", "prune_by_class", "both", "confident_learning", "predicted_neq_given"] = (
        "prune_by_noise_rate"
    )

    @model_validator(mode="after")
    def _trains_on_all(self) -> "Denoise":
        if self.network.train_on != "all":
            raise ValueError("network.train_on: the fold networks come before cleaning and train on all")
        return self


class Policy(Section):
    """A shallow network from the experts' class probabilities to class probabilities; `layers` 1, or 2 with ReLU."""

    experts: tuple[Name, ...] = Field(min_length=1)
    layers: Literal[1, 2] = 1
    hidden_size: int = Field(6, ge=1)  # 2 layers only
    n_folds: int = Field(8, ge=2)
    epochs: int = Field(40, ge=1)
    lr: float = Field(0.01, gt=0)
    batch_size: int = Field(128, ge=1)
    seed: int = 2020


class Vote(Section):
    """Majority vote of the members; ties go to the highest summed probability, then to the lowest code."""

    members: tuple[Name, ...] | Literal["all"] = "all"


class Hardware(Section):
    """How to run, not what: changing it redoes nothing."""

    num_workers: int | None = Field(None, ge=0)  # loader processes; none given: two fewer than the cores, at most 8
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = "auto"  # auto: bf16 where the GPU has it


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
        from latefusion.references import check_references

        check_references(self)
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
