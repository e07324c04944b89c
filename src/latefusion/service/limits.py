"""What one request may ask for, and how many may wait."""

from dataclasses import dataclass, fields

from latefusion.utils.errors import InputError

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Limits:
    """Limits of the service. Raises InputError for a limit that is not positive."""

    body_mb: float = 16.0  # megabytes of one request's body
    products: int = 32  # in one request
    characters: int = 100_000  # of one title or description
    pixels: int = 50_000_000  # of one image; larger images are not decoded
    seconds: float = 30.0  # from the first byte of a request to its answer
    waiting: int = 256  # requests that are read, wait or are predicted at one time
    waiting_mb: float = 256.0  # megabytes of their bodies
    batch: int = 64  # products of several requests that are predicted together

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0 or value == float("inf"):
                raise InputError(f"--{option_of(field.name)} {value}: give a number above 0")
        if self.waiting_mb < self.body_mb:
            raise InputError(
                f"--{option_of('waiting_mb')} {self.waiting_mb:g} must be --{option_of('body_mb')} or more"
            )

    @property
    def body(self) -> int:
        """The most bytes of one request's body."""
        return int(self.body_mb * MEGABYTE)

    @property
    def waiting_bytes(self) -> int:
        """The most bytes of all bodies together."""
        return int(self.waiting_mb * MEGABYTE)


def option_of(field: str) -> str:
    """Return the command-line option of a limit, without its dashes."""
    return "batch-size" if field == "batch" else f"max-{field.replace('_', '-')}"
