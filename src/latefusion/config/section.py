"""The base class of all config sections, and the types that they share."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latefusion.utils.nearest import shorten, unknown_key

# Windows reserves these names for devices; a folder of such a name cannot be copied there.
DEVICES = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
LARGEST = 2**32 - 1  # of any whole number: the largest seed, and far more than any other key needs


def _refuse_devices(name: str) -> str:
    if name.lower() in DEVICES:
        raise ValueError(f"'{name}' is a reserved name on Windows; choose another name")
    return name


# Names are also names of folders: 80 letters and a suffix are below the limit of most file systems, 255 bytes.
Name = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=80), AfterValidator(_refuse_devices)
]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, le=LARGEST)]  # the range that NumPy and scikit-learn accept
# YAML reads the word `none` as text, and the words `no` and `off` as False.
NoneWord = BeforeValidator(lambda value: None if value in ("none", "None") or value is False else value)
NoneText = BeforeValidator(lambda value: None if value in ("none", "None") else value)  # where False is a value
NoWord = BeforeValidator(lambda value: "no" if value is False else value)


class Section(BaseModel):
    """A section of the config: frozen; unknown keys (with a suggestion), infinity, NaN and huge numbers are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: object) -> object:
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    context = {"message": unknown_key(str(key), cls.model_fields), "key": shorten(str(key))}
                    raise PydanticCustomError("unknown_key", "{message}", context)
        return data

    @model_validator(mode="after")
    def _refuse_large_numbers(self) -> "Section":
        for key in type(self).model_fields:
            value = getattr(self, key)
            if isinstance(value, int) and abs(value) > LARGEST:
                context = {"message": f"should be {LARGEST} or less", "key": key}
                raise PydanticCustomError("large_number", "{message}", context)
        return self
