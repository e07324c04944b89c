"""The products: where they are, what the sample holds, how they are split."""

from pathlib import Path, PureWindowsPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from latefusion.config.section import Fraction, Section, Seed

SAMPLE_FORMATS = ("sigir", "ens")  # the layouts that the sample catalogue can be drawn in


class SampleConfig(Section):
    """The synthetic catalogue to draw into `catalogue.root`; configs about real products leave it out."""

    products: int = Field(5000, ge=200)
    seed: Seed = 2020
    label_noise: Fraction = 0.05
    missing_descriptions: Fraction = 0.351
    image_size: int = Field(500, ge=64, le=10_000)


class Columns(Section):
    """Which column of a table holds what; `split` (train, valid, test) is obeyed where it is named."""

    id: str = "id"
    title: str = "title"
    description: str | None = "description"
    image: str | None = "image_path"
    label: str = "label"
    split: str | None = None


def _check_table_name(name: str) -> str:
    """Return the name of a table; `..` may stand in it, an absolute path may not: data can then move as a whole."""
    if name.startswith(("/", "~/")) or PureWindowsPath(name).anchor:
        raise ValueError(f"'{name}' is not relative: name the table as seen from catalogue.root, without / in front")
    if not name.strip() or "\0" in name:
        raise ValueError(f"{name!r} is no file name")
    if longest := max((part for part in name.split("/") if len(part.encode()) > 255), key=len, default=""):
        raise ValueError(f"no file has a name of {len(longest)} letters: '{longest[:40]}...'")
    return name


TableName = Annotated[str, AfterValidator(_check_table_name)]


class CatalogueConfig(Section):
    """Where the products are, and in whose layout. All file names are relative to `root`."""

    format: Literal["table", "sigir", "ens"]
    root: Path
    products: TableName = "products.csv"  # table only: CSV, TSV or Parquet
    test_products: TableName | None = None  # table only: products without labels, to be predicted
    # table only, CSV and TSV: whether quotation marks enclose cells. null: they do, but a cell that spans lines of
    # which one looks like a row is refused; true: they do, whatever it looks like; false: they are text.
    quoted: bool | None = None
    columns: Columns = Columns()
    test_labels: TableName | None = None  # true labels of the unlabelled test set, for scoring only
    bad_images: Literal["error", "keep", "drop"] = "error"  # keep: as "no image"

    @model_validator(mode="after")
    def _refuse_table_keys_elsewhere(self) -> "CatalogueConfig":
        table_keys = {"products", "test_products", "columns", "quoted"} & self.model_fields_set
        if self.format != "table" and table_keys:
            raise ValueError(f"{', '.join(sorted(table_keys))}: only for format table, not for {self.format}")
        return self


class Split(Section):
    """Stratified shares of the labelled products; `test_fraction` is held out to score on."""

    valid_fraction: Fraction = 0.1
    test_fraction: Fraction = 0.0
    seed: Seed = 2020
    # Near-duplicates (equal titles, or nearly equal images) on one side, and in one fold. Off, as published.
    group_duplicates: bool = False
    # Bits of 64 in which the images' hashes may differ; even, but for ties, since each hash has 32 ones. Of the
    # sample's near-duplicates, which are known, 0 finds 96 % of the pairs and 2 all. Of the pairs that 2 finds 5 % are
    # strangers, of those at 4 a quarter, and strangers make chains: in a sample of 40,000 products the largest group
    # has 19 at 2, and 448 at 4.
    hash_distance: int = Field(2, ge=0, le=8)

    @model_validator(mode="after")
    def _something_is_left(self) -> "Split":
        if self.valid_fraction + self.test_fraction >= 1:
            raise ValueError("valid_fraction and test_fraction leave nothing to train on")
        return self
