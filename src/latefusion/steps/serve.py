"""Serve an exported model over HTTP."""

from pathlib import Path

from latefusion.predictor import Predictor
from latefusion.predictor.acceptance import threshold_for
from latefusion.service import Limits, create_app, run_server


def serve(
    model: Path, *, host: str, port: int, target_precision: float | None, min_confidence: float | None,
    image_share: float | None, limits: Limits,
) -> None:  # fmt: skip
    """Answer requests until the process is asked to stop.

    Raises InputError for a model, threshold, share or port that cannot be used.
    """
    predictor = Predictor.load(model, num_workers=0)  # starting loader processes takes longer than a prediction
    threshold = threshold_for(model, target_precision, min_confidence)
    predictor.check_share(image_share)
    run_server(create_app(predictor, threshold, limits, image_share), host=host, port=port, limits=limits)
