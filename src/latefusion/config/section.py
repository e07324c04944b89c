"""What every section of the config has in common."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latefusion.utils.nearest import did_you_mean, shorten

# Windows keeps these for devices, and folders of such a name cannot be copied there.
DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
LARGEST = 2**32 - 1  # of any whole number: what seeds may be, and far more than can be counted here


def _refuse_devices(name: str) -> str:
    if name.lower() in DEVICES:
        raise ValueError(f"'{name}' is the name of a device on Windows; choose another name")
    return name


# Names become names of folders. 80 letters leave room for suffixes under the 255 bytes of most file systems.
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=80), AfterValidator(_refuse_devices)
]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, le=LARGEST)]  # as NumPy and scikit-learn take them
NoneWord = BeforeValidator(lambda value: None if value in ("none", "None") or value is False else value)
NoWord = BeforeValidator(lambda value: "no" if value is False else value)  # YAML reads the bare word `no` as False


class Section(BaseModel):
    """A part of the config: frozen; unknown keys are refused with the nearest known one, and so are endless numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: object) -> object:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    word = shorten(str(key))
                    message = f"unknown key '{word}'{did_you_mean(word, cls.model_fields)}"
                    raise PydanticCustomError("unknown_key", "{message}", {"message": message, "key": word})
        return data

    @model_validator(mode="after")
    def _refuse_large_numbers(self) -> "Section":
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, int) and abs(value) > LARGEST:
                context = {"message": f"should be {LARGEST} or less", "key": key}
                raise PydanticCustomError("large_number", "{message}", context)
        return self
