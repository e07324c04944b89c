"""Experts of kind `text_probe` and `image_probe`: logistic regression on the features of a frozen network."""

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, PositiveFloat

from latefusion.config.experts.base import ExpertConfig
from latefusion.config.experts.image import CnnExpert, ModelArgs
from latefusion.config.experts.text import Cleaning, Reads
from latefusion.config.images import ImageInput
from latefusion.config.section import Seed


class Probe(ExpertConfig):
    """A linear probe: multinomial logistic regression on the pooled features of a pretrained network.

    The network is not trained. Features are computed once per product and kept in `weights/features/`, for all
    experiments. The defaults were chosen by cross-validation on a real catalogue: docs/benchmarks.md.
    """

    refits: ClassVar = True
    if TYPE_CHECKING:  # each subclass has its own field
        model: str

    standardise: bool = True  # scale each feature to mean 0 and variance 1 over the training products
    # Values of scikit-learn's C to choose from. The largest is tried first, until the log loss rises: small ones, which
    # noisy labels need, take longest with many classes.
    regularisation: tuple[PositiveFloat, ...] = Field((0.001, 0.01, 0.1, 1.0), min_length=1)
    n_folds: int = Field(4, ge=2)  # of the cross-validation that chooses C and calibrates
    cv_products: int = Field(20_000, ge=100)  # C is chosen on a sample of about this many products
    seed: Seed = 2020  # of the folds

    @property
    def pretrained_model(self) -> str:
        return self.model

    @property
    def folds_of_train(self) -> int:
        return self.n_folds


class TextProbe(Probe):
    """A linear probe of a Hugging Face encoder that reads (title, description)."""

    modality: ClassVar = "text"
    step: ClassVar = "text"

    kind: Literal["text_probe"]
    model: str  # such as sentence-transformers/all-MiniLM-L6-v2
    max_length: int = Field(256, ge=8)  # tokens of the pair
    # mean: over the tokens, for sentence encoders; published: the encoder's own pooler, or its first token without one
    pooling: Literal["mean", "published"] = "mean"
    reads: Reads = "both"  # title, description, or both as a pair
    cleaning: Cleaning = "decode"  # of HTML entities: decode them, spaces as published, or repair mojibake too


def _check_sizes(sizes: tuple[int, ...]) -> tuple[int, ...]:
    if len(set(sizes)) < len(sizes):
        raise ValueError(f"should be different sizes, not {list(sizes)}")
    return sizes


Sizes = Annotated[tuple[Annotated[int, Field(ge=8, le=10_000)], ...], Field(min_length=1), AfterValidator(_check_sizes)]


class ImageProbe(Probe):
    """A linear probe of a timm network, which reads each image whole, resized to squares of one or more sizes.

    A vision transformer reads other sizes than its own with `model_args: {dynamic_img_size: true}`.
    """

    modality: ClassVar = "image"
    step: ClassVar = "image"

    kind: Literal["image_probe"]
    model: str  # a timm network with the tag of its weights, such as tf_efficientnet_lite0.in1k
    model_args: ModelArgs = Field({})  # timm.create_model's own arguments
    sizes: Sizes = (224, 288)  # sides in pixels; the features are averaged over the sizes
    flip: bool = False  # average over each image and its mirror image too: twice the time
    train_on: Literal["all", "clean"] = "all"  # clean: without the label issues that denoising removed

    def network(self, size: int) -> CnnExpert:
        """Return the config of the network that reads images of one of the sizes."""
        return CnnExpert(model=self.model, model_args=self.model_args, image=ImageInput(resize=size, crop=size))
