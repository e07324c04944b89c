"""Multimodal product classification by late fusion.

Experts turn products (title, description, image) into class probabilities, policies fuse the probabilities of several
experts into decisions, and a majority vote of the policies gives the labels. They exchange tables keyed by product id.

`from latefusion import Predictor` predicts new products with an exported model.
"""

from typing import Any

__all__ = ["Predictor"]


def __getattr__(name: str) -> Any:
    """Import `Predictor` when it is asked for: it imports torch, which takes seconds."""
    if name == "Predictor":
        from latefusion.predictor import Predictor

        return Predictor
    raise AttributeError(f"module 'latefusion' has no attribute '{name}'")
