"""The predictor: one experiment's final method in a folder of its own, which predicts new products on any machine.

`export_model` writes the folder; `Predictor.load` reads it. It holds safetensors, JSON, YAML, Parquet and tokenizer
files only, and nothing in it is run.
"""

from latefusion.predictor.batches import BatchPredictor
from latefusion.predictor.export import export_model
from latefusion.predictor.predictor import Predictor

__all__ = ["BatchPredictor", "Predictor", "export_model"]
