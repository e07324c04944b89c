"""Config sections about the products: where they are, how the sample is drawn, how they are split."""

from pathlib import Path, PureWindowsPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from latefusion.config.section import Fraction, NoneText, NoneWord, Section, Seed

NAMED_TABLES = ("table",)  # the layouts whose tables and columns the config names
TABLE_KEYS = {  # theirs alone
    "products", "test_products", "columns", "quoted", "delimiter", "encoding", "repeated_ids", "image_separator",
    "labels", "label_separator",
}  # fmt: skip


class SampleConfig(Section):
    """The synthetic catalogue to draw into `catalogue.root`; configs for real products have no such section.

    Which one, `catalogue.format` says: sigir and ens have products with one label each; a table has products with
    several labels, of which some are only visible in the image and others only named in one of the two texts.
    """

    products: int = Field(5000, ge=200)  # labelled ones and those of the test files
    seed: Seed = 2020  # of all that is drawn
    label_noise: Fraction = 0.05  # of the training products: one of their labels is wrong
    missing_descriptions: Fraction = 0.351  # of all products
    image_size: int = Field(500, ge=64, le=10_000)  # side in pixels


def _check_names(names: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
    """Return one or several column names unchanged. Raises ValueError for an empty list and for a repeated name."""
    if names == ():
        raise ValueError("an empty list: name a column, or write null if there is none")
    if isinstance(names, tuple) and len(set(names)) < len(names):
        raise ValueError("a column is there twice")
    return names


class Columns(Section):
    """The names of a table's columns; if `split` is given, its values (train, valid, test) are used as the split.

    Of the other fields, those that are left out are looked for: if there is no column of the default's name, one of a
    usual name is taken (`sku` for id, `name` for title, `category` for label, ...: `catalogue.usual_names`).
    """

    id: str = "id"  # unique in each table
    title: str = "title"  # the product's name
    # One column or a list of columns. Of a list, the first is text as it is; each other column adds a line with its
    # name, `brand: Acme`. Missing values are left out.
    description: Annotated[str | tuple[str, ...] | None, AfterValidator(_check_names)] = "description"
    # One column or a list of columns, of a product's images.
    image: Annotated[str | tuple[str, ...] | None, AfterValidator(_check_names)] = "image_path"
    label: str = "label"  # the class; products with an empty cell are predicted
    split: str | None = None  # train, valid or test, used in place of the fractions of `split`
    time: str | None = None  # for split.by: time; dates (ISO 8601, or 31.01.2026), or numbers that grow with time

    def of(self, field: str) -> list[str]:
        """Return the names of a field's columns: none, one, or of descriptions and images several."""
        names = getattr(self, field)
        return [] if names is None else [names] if isinstance(names, str) else list(names)


def _check_table_name(name: str) -> str:
    """Return the path of a table unchanged. Raises ValueError if it is absolute or if no file can have this name.

    Paths are relative so that the data folder can be moved; `..` is allowed.
    """
    if name.startswith(("/", "~/")) or PureWindowsPath(name).anchor:
        raise ValueError(
            f"'{name}' is not a relative path: give the path relative to catalogue.root, without a first /"
        )
    if not name.strip() or "\0" in name:
        raise ValueError(f"{name!r} is not a file name")
    if longest := max((part for part in name.split("/") if len(part.encode()) > 255), key=len, default=""):
        raise ValueError(f"a file name of {len(longest)} characters is too long: '{longest[:40]}...'")
    return name


TableName = Annotated[str, AfterValidator(_check_table_name)]


SEPARATOR_WORDS = {",": "comma", ";": "semicolon", "\t": "tab", "\\t": "tab", "|": "pipe"}
Separator = Annotated[
    Literal["auto", "comma", "semicolon", "tab", "pipe"],
    BeforeValidator(lambda value: SEPARATOR_WORDS.get(value, value) if isinstance(value, str) else value),
]


def _check_encoding(name: str) -> str:
    """Return the name of an encoding unchanged. Raises ValueError if Python has no such encoding of text."""
    if name == "auto":
        return name
    try:
        "".encode(name)  # for names of encodings that are not of text: LookupError
        b"".decode(name)
    except (LookupError, UnicodeError, ValueError):
        raise ValueError(
            f"unknown encoding '{name}': write auto, or a name such as utf-8, cp1252 or shift_jis"
        ) from None
    return name


def _check_image_separator(separator: str) -> str:
    """Return a separator of images unchanged. Raises ValueError if it can hardly be one, as it is part of paths."""
    if not separator or any(character.isalnum() or character in "/\\.:_-" for character in separator):
        raise ValueError(f"'{separator}' is part of paths or addresses: write a character such as | ; or a comma")
    return separator


class CatalogueConfig(Section):
    """Where the products are, and in which layout. All file names are relative to `root`."""

    format: Literal["table", "sigir", "ens"]  # table: a shop's own table; sigir, ens: the two layouts of the challenge
    root: Path  # the folder of the tables and images
    products: TableName = "products.csv"  # table only: CSV, TSV, Parquet, JSON lines or Excel (.xlsx, its first sheet)
    test_products: TableName | None = None  # table only: products without labels, to be predicted
    # table only, CSV and TSV: whether quotation marks enclose cells. null: they do, but a quoted cell that spans lines
    # is refused if one of these lines looks like a row; true: they do, without this check; false: they are text.
    quoted: bool | None = None
    # table only, CSV and TSV: auto, comma, semicolon, tab or pipe (or the character itself). auto: the separator that
    # gives the rows as many cells as the header; if several do, that of the suffix.
    delimiter: Separator = "auto"
    # table only, text tables: auto, or a name such as utf-8, cp1252, shift_jis. auto: UTF-8; if the file is not UTF-8,
    # the likeliest encoding, which the log names with an example.
    encoding: Annotated[str, AfterValidator(_check_encoding)] = "auto"
    columns: Columns = Columns()
    test_labels: TableName | None = None  # true labels of the unlabelled test set, for scoring only
    # A person's choices about labels, which report.html exports: columns id, action (keep, change, remove) and label.
    label_choices: TableName | None = None
    # table only: what separates the images that a cell names. null: a cell names one, but lists of Parquet and JSON,
    # JSON lists as text and lines are always several.
    image_separator: Annotated[str, AfterValidator(_check_image_separator)] | None = None
    # table only. one: each product has one label, its class. several: any number of labels, each a class; lists of
    # Parquet and JSON, JSON lists as text and lines are always several.
    labels: Literal["one", "several"] = "one"
    # Several only: what separates the labels of a cell, such as |. null: only lists and lines are several.
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    # Labels that fewer labelled products have are left out, and with them products that have no other.
    min_products: int = Field(1, ge=1)
    # Of a product's images. first: the first that can be used, in training and prediction. mean: experts that read
    # images predict from each, and the mean of their probabilities is taken; image probes are trained on all, networks
    # on the first.
    images_per_product: Literal["first", "mean"] = "first"
    # Of products that have no image that can be used. keep: keep the product, without its image.
    bad_images: Literal["error", "keep", "drop"] = "error"
    # keep: with an empty title. drop: remove the product, unless it is to be predicted.
    missing_titles: Literal["error", "keep", "drop"] = "error"
    repeated_ids: Literal["error", "drop"] = "error"  # table only, in each table; drop: keep the first row of each id

    @model_validator(mode="after")
    def _check_labels(self) -> "CatalogueConfig":
        if self.label_separator is not None and self.labels == "one":
            raise ValueError("label_separator is only for labels: several")
        return self

    @model_validator(mode="after")
    def _refuse_table_keys_elsewhere(self) -> "CatalogueConfig":
        table_keys = TABLE_KEYS & self.model_fields_set
        if self.format not in NAMED_TABLES and table_keys:
            keys, formats = ", ".join(sorted(table_keys)), " or ".join(NAMED_TABLES)
            raise ValueError(f"{keys}: only for format {formats}, not for format {self.format}")
        return self


class Split(Section):
    """Fractions of the labelled products; `test_fraction` is held out for scoring."""

    # random: stratified, by the seed. time: the newest products, by the column catalogue.columns.time, are the test
    # split, and the newest of the rest the valid split; order: the same, by the order of the rows, the last is the
    # newest. Products to predict are often newer than those with a label: a random test split then promises too much.
    # Folds (n_folds) are random in each case.
    by: Literal["random", "time", "order"] = "random"
    valid_fraction: Fraction = 0.1  # not with n_folds
    test_fraction: Fraction = 0.0  # held out for scoring, never trained on
    seed: Seed = 2020  # of the split and of all folds
    # Cross-fitting: instead of one valid split, every labelled product that is not held out for the test is in one of
    # n folds (but those of classes that are in too few of them: docs/architecture.md). Each expert is trained once per
    # fold, without its products, and predicts them; test products get the mean over the folds, or, from linear experts
    # (tfidf, probes), what one more fit on all labelled products predicts. So policies learn from all labelled
    # products. None: one valid split, as published.
    n_folds: Annotated[int | None, NoneWord] = Field(None, ge=2, le=100)
    # With n_folds: train each expert also without each pair of folds, n (n - 1) / 2 times more, so that what a policy
    # learns for a fold comes from experts that were not trained on this fold either. Without it, a product's label can
    # slightly influence a policy's decision on it (docs/benchmarks.md). Fixed rules do not need it. For the others, use
    # it where experts are cheap to train. Experts that choose an epoch by its score need `train.epoch: last` too.
    nested: bool = False
    # Keep near-duplicates (equal titles, or nearly equal images) in one split and in one fold. None: with n_folds only;
    # the published split does not group.
    group_duplicates: Annotated[bool | None, NoneText] = None
    # Images are near-duplicates if their hashes differ in at most this many of 64 bits. Each hash has 32 ones, so
    # distances are even, except for ties. On the sample, where near-duplicates are known: distance 0 finds 96 % of the
    # pairs, 2 finds all. False positives are 5 % of the pairs at 2 and a quarter at 4, and they chain groups together:
    # in a sample of 40,000 products the largest group has 19 products at 2, and 448 at 4.
    hash_distance: int = Field(2, ge=0, le=8)

    @property
    def grouped(self) -> bool:
        """Whether near-duplicates are kept in one split and in one fold."""
        return self.n_folds is not None if self.group_duplicates is None else self.group_duplicates

    @model_validator(mode="after")
    def _check_fractions(self) -> "Split":
        if self.nested and (self.n_folds is None or self.n_folds < 3):
            raise ValueError("nested needs n_folds, at least 3: one fold to train on beside each pair")
        if self.n_folds is not None and "valid_fraction" in self.model_fields_set and self.valid_fraction:
            raise ValueError("valid_fraction is not used with n_folds, which needs no valid split: set it to 0")
        if self.n_folds is None and self.valid_fraction + self.test_fraction >= 1:
            raise ValueError("valid_fraction and test_fraction leave nothing to train on: their sum must be below 1")
        return self
