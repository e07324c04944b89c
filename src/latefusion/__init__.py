"""Multimodal product classification by late fusion.

Experts turn products (title, description, image) into class probabilities, policies fuse the probabilities of several
experts into decisions, and a majority vote of the policies gives the labels. They exchange tables keyed by product id.

`from latefusion import Predictor` predicts new products with an exported model, `BatchPredictor` does on a cluster.
"""

from typing import Any

__all__ = ["BatchPredictor", "Predictor"]


def __getattr__(name: str) -> Any:
    """Import the predictors when they are asked for: they import torch, which takes seconds."""
    if name in __all__:
        from latefusion import predictor

        return getattr(predictor, name)
    raise AttributeError(f"module 'latefusion' has no attribute '{name}'")
