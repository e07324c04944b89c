"""Serve an exported model over HTTP."""

from pathlib import Path

from latefusion.predictor.acceptance import find_threshold
from latefusion.service import Limits, create_app, run_server
from latefusion.service.batch import load_predictor


def serve(
    model: Path, *, host: str, port: int, target_precision: float | None, min_confidence: float | None, limits: Limits
) -> None:
    """Answer requests until the process is asked to stop.

    Raises InputError for a model, threshold or port that cannot be used.
    """
    predictor = load_predictor(model)
    threshold = find_threshold(model, target_precision, min_confidence)
    run_server(create_app(predictor, threshold, limits), host=host, port=port, limits=limits)
