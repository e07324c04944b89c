"""The sizes and augmentation of the images that a network reads."""

from pydantic import Field, model_validator

from latefusion.config.section import Section


class ImageInput(Section):
    """Sizes in pixels: every image is resized to a square of side `resize`; the network reads a crop of side `crop`."""

    resize: int = Field(256, ge=8, le=10_000)  # side to which images are resized
    crop: int = Field(224, ge=8)  # side of what the network reads: at random in training, else the centre
    rotate: float = Field(15.0, ge=0, le=180)  # maximum in degrees, in either direction; training only
    flip: bool = True  # at random, horizontally; training only

    @model_validator(mode="after")
    def _crop_fits(self) -> "ImageInput":
        if self.crop > self.resize:
            raise ValueError(f"crop {self.crop} is larger than resize {self.resize}")
        return self
