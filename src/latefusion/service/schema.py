"""The JSON of the service: what a request holds and what the answers hold.

What the answer to a prediction holds depends on the model: `prediction_type` and `answer_type`.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model


class Product(BaseModel):
    """A product to predict. What is left out, null or empty is missing: the prediction is made without it."""

    model_config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)

    id: str | None = Field(None, description="returned with the prediction; unique within a request")
    title: str | None = None
    description: str | None = None
    image: str | None = Field(
        None,
        description="the content of an image file in base64: JPEG, PNG, WEBP, GIF, BMP, TIFF or AVIF",
        json_schema_extra={"contentEncoding": "base64"},
    )


class PredictRequest(BaseModel):
    """Products to predict."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"products": [{"id": "a1", "title": "desk lamp", "description": "LED, white"}]}]
        },
    )

    products: list[Product] = Field(min_length=1)


class AssignedLabel(BaseModel):
    """One of the labels of a product."""

    label: str
    confidence: float = Field(description="the calibrated probability of the label, 0 to 1")


class NextClass(BaseModel):
    """One of the classes that follow the label in the order of their probabilities."""

    label: str
    confidence: float


class Prediction(BaseModel):
    """The prediction of one product."""

    id: str | None = Field(description="the id of the product, null if it has none")
    label: str
    confidence: float = Field(description="the calibrated probability of the label, 0 to 1")
    accepted: bool = Field(description="whether the confidence reaches the threshold of the service, see /v1/model")
    next: list[NextClass] = Field(description="the two classes after the label; one if there are two classes")
    experts: dict[str, str | None] = Field(
        description="the label that each expert would give; null if the product lacks what the expert reads"
    )
    agree: int = Field(description="the number of experts that give the label")
    problem: str | None = Field(description="why the image could not be used; the prediction is made without it")
    unusual: str | None = Field(
        description="in what the product is unlike all labelled ones; with a threshold it is not accepted then"
    )


class SeveralPrediction(BaseModel):
    """The prediction of one product, of a model for products with several labels."""

    id: str | None = Field(description="the id of the product, null if it has none")
    labels: list[AssignedLabel] = Field(description="the labels, the most probable first; at least one")
    confidence: float = Field(description="the calibrated probability of the first label, 0 to 1")
    accepted: bool = Field(
        description="whether the confidence of the first label reaches the threshold of the service, see /v1/model; it "
        "says nothing about the other labels"
    )
    next: list[NextClass] = Field(description="the three most probable of the other classes, or fewer")
    experts: dict[str, list[str] | None] = Field(
        description="the labels that each expert would give; null if it did not read the product"
    )
    agree: int = Field(description="the number of experts whose first label is the first label")
    problem: str | None = Field(description="why the image could not be used; the prediction is made without it")
    unusual: str | None = Field(
        description="in what the product is unlike all labelled ones; with a threshold it is not accepted then"
    )


ASKED = Field(description="whether the experts that run on demand were asked for; only then the image was looked at")


def prediction_type(*, several: bool, asks: bool) -> type[BaseModel]:
    """Return the type of a prediction, of a model for one label or several, whose method is on demand or not."""
    own: type[BaseModel] = SeveralPrediction if several else Prediction
    return create_model("Prediction", __base__=own, __doc__=own.__doc__, asked=(bool, ASKED)) if asks else own


def answer_type(prediction: type[BaseModel]) -> type[BaseModel]:
    """Return the type of the answer with these predictions."""
    fields: dict[str, Any] = {"model": (str, ...), "predictions": (list[prediction], ...)}  # type: ignore[valid-type]
    text = "The predictions, in the order of the request's products."
    return create_model("PredictAnswer", __doc__=text, **fields)


class Problem(BaseModel):
    """What is wrong with one value of a request."""

    where: str = Field(description="the value, such as products[3].image")
    problem: str


class ErrorAnswer(BaseModel):
    """Why a request was refused."""

    error: str
    problems: list[Problem] = []


class ModelAnswer(BaseModel):
    """The exported model that answers, and the limits of the service."""

    name: str
    method: str = Field(description="the expert, policy or vote that decides")
    experts: dict[str, str] = Field(description="what each expert reads: text, image or joint")
    classes: list[str]
    labels: Literal["several"] | None = Field(None, description="several: products have several labels; else absent")
    image_share: float | None = Field(None, description="the share of images asked for, as it was started; or absent")
    scores: dict[str, float]
    thresholds: list[dict[str, float | int | None]] = Field(
        description="confidences from which a share of the labelled products was right, out of fold; with labels: "
        "several, their first label: sets_right is then the share of these products whose whole set of labels was "
        "right, labels_found the share of their labels that were assigned"
    )
    threshold: float = Field(description="predictions of this confidence or more are accepted; 0: all are")
    limits: dict[str, int | float]


class StateAnswer(BaseModel):
    """Whether the service can predict."""

    ready: bool
    state: str
