"""Majority vote: most votes, then the highest summed probability, then the lowest code."""

import numpy as np


def majority_vote(preds: np.ndarray, probs: np.ndarray) -> np.ndarray:
    """Return (N,) class numbers from the members' (M, N) decisions and their (M, N, C) probabilities."""
    num_classes = probs.shape[2]
    votes = (preds[:, :, None] == np.arange(num_classes)).sum(axis=0)  # (N, C)
    leads = votes == votes.max(axis=1, keepdims=True)
    summed = probs.sum(axis=0, dtype=np.float64)
    return np.where(leads, summed, -1.0).argmax(axis=1)  # argmax takes the first: classes are in order of their codes
