"""Predict the products of a table with an exported model, and divide them into accepted ones and ones to review."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from latefusion.catalogue import read_new_products
from latefusion.catalogue.reading import DELIMITERS
from latefusion.images.files import stat_files
from latefusion.metrics.thresholds import as_written
from latefusion.predictor import Predictor
from latefusion.predictor.shards import predict_in_shards, remove_shards
from latefusion.utils.errors import InputError
from latefusion.utils.files import atomic_write
from latefusion.utils.locks import locked


def predict_new(
    model: Path, products: Path, images: Path | None, out: Path, *,
    target_precision: float | None, min_confidence: float | None, shard_size: int,
) -> Iterator[str]:  # fmt: skip
    """Write the predictions and, with a threshold, those below it to `<out>-review`; yield what was written.

    Raises InputError for a model, table or folder that cannot be used, before anything is predicted.
    """
    if out.suffix.lower() not in (*DELIMITERS, ".parquet"):
        raise InputError(f"--out {out}: the name must end in .csv, .tsv or .parquet")
    if target_precision is not None and min_confidence is not None:
        raise InputError("--target-precision and --min-confidence exclude each other: give one")
    if shard_size < 1:
        raise InputError(f"--shard-size {shard_size}: give 1 or more")
    if images is not None and not images.is_dir():
        raise InputError(f"--images {images}: there is no such folder")
    review = out.with_name(f"{out.stem}-review{out.suffix}")
    for path in (out, review):
        if path.exists() and path.samefile(products):
            raise InputError(f"--out {out}: {path} is the table of products: choose another name")
    predictor = Predictor.load(model)
    threshold = _threshold(predictor, target_precision, min_confidence)
    table = read_new_products(products, predictor.experiment.catalogue.columns)
    _require_images(table["image"], images, products)
    if threshold == 0 and review.exists():
        raise InputError(f"{review} is of an earlier run with a threshold: remove it, or choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    with locked(out):
        predicted = predict_in_shards(predictor, table, products, images, out, shard_size)
        accepted = as_written(predicted["confidence"].to_numpy()) >= threshold
        _write(out, predicted[accepted])
        yield f"{out}: {accepted.sum()} of {len(predicted)} products"
        if threshold > 0:
            _write(review, predicted[~accepted].sort_values("confidence", kind="stable"))
            yield f"{review}: {(~accepted).sum()} products below the confidence {threshold:.4f}, the least sure first"
        remove_shards(out)


def _require_images(named: pd.Series, images: Path | None, products: Path) -> None:
    """Raise InputError if products name images and the folder has none of them: it is another folder."""
    named = named.dropna()
    if images is not None and len(named) and not stat_files(images, named):
        raise InputError(
            f"--images {images}: it has none of the {len(named)} images that {products} names, such as {named.iloc[0]}"
        )


def _threshold(predictor: Predictor, target_precision: float | None, min_confidence: float | None) -> float:
    """Return the confidence from which predictions are accepted; 0: all are."""
    if min_confidence is not None:
        if not 0 <= min_confidence <= 1:
            raise InputError(f"--min-confidence {min_confidence}: give a probability, 0 to 1")
        return min_confidence
    if target_precision is None:
        return 0.0
    thresholds = {row["target"]: row["threshold"] for row in predictor.manifest.automation}
    if target_precision not in thresholds:
        raise InputError(f"--target-precision {target_precision}: the model knows {', '.join(map(str, thresholds))}")
    found = thresholds[target_precision]
    if found is None:
        raise InputError(
            f"--target-precision {target_precision}: on the labelled products no confidence was high enough for it"
        )
    return found


def _write(path: Path, predicted: pd.DataFrame) -> None:
    with atomic_write(path) as partial:
        if path.suffix.lower() == ".parquet":
            predicted.to_parquet(partial)
        else:
            text = predicted.to_csv(sep=DELIMITERS[path.suffix.lower()], float_format="%.6f", lineterminator="\n")
            partial.write_text(text, encoding="utf-8")
