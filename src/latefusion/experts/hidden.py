"""The trained network of an expert, to read its last hidden layer."""

import numpy as np
import pandas as pd

from latefusion.experts.context import Context
from latefusion.experts.kinds import build_network
from latefusion.experts.network import Network, pooled_features
from latefusion.plan.records import verified
from latefusion.utils.weights import load_weights


def trained_network(context: Context, name: str) -> Network:
    """Return the network of an expert with its trained weights."""
    expert, run_dir = context.experiment.experts[name], context.experiment.expert_dir(name)
    network = build_network(context, expert, run_dir)
    load_weights(network.model, verified(run_dir, "model.safetensors"))
    return network


def hidden_features(context: Context, name: str, products: pd.DataFrame) -> np.ndarray:
    """Return (N, F) float32: an expert's last hidden layer, the input of its class head, for products in their order.

    Only for experts whose config has `joins`; others have no `features`.
    """
    batch_size = context.experiment.experts[name].require_training().batch_size
    return pooled_features(context, trained_network(context, name), products, batch_size)
