"""The JSON of the service: what a request holds and what the answers hold."""

from pydantic import BaseModel, ConfigDict, Field


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


class PredictAnswer(BaseModel):
    """The predictions, in the order of the request's products."""

    model: str
    predictions: list[Prediction]


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
    scores: dict[str, float]
    thresholds: list[dict[str, float | int | None]] = Field(
        description="confidences above which a share of the labelled products was right"
    )
    threshold: float = Field(description="predictions of this confidence or more are accepted; 0: all are")
    limits: dict[str, int | float]


class StateAnswer(BaseModel):
    """Whether the service can predict."""

    ready: bool
    state: str
