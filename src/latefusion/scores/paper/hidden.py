"""Figure 3 of Zahavy et al.: a t-SNE map of the text expert's last hidden layer, with which expert is right.

L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 2008.
"""

import numpy as np
import pandas as pd

from latefusion.metrics.decisions import is_right
from latefusion.scores.results import Results

MAPPED = 2000  # products at most: a sample of more
SEED = 2020
PERPLEXITY = 30.0
WHO = {(True, True): "both", (True, False): "only_text", (False, True): "only_image", (False, False): "neither"}


def has_hidden_layer(results: Results, expert_name: str) -> bool:
    """Return whether an expert is a network whose last hidden layer can be read."""
    return bool(results.experiment.experts[expert_name].joins)


def hidden_map(results: Results, pair: tuple[str, str]) -> pd.DataFrame:
    """Return at most 2,000 products of `final_split` (index: id) on the map: `x`, `y`, and `right`, who is right.

    `right` is both, only_text, only_image or neither. Of a cross-fitted text expert it is the network of one fold: the
    products of `oof` are then those of this fold.
    """
    from sklearn.manifold import TSNE

    from latefusion.experts.context import Context
    from latefusion.experts.hidden import hidden_features

    experiment, split, dataset = results.experiment, results.final_split, results.dataset
    view = experiment.views_of_test(pair[0])[0]
    products = dataset.evaluation_splits[split]
    counts = results.known(split)
    if split == "oof":
        counts = counts & products["fold"].isin(view.held_out or ()).to_numpy()
    rows = np.flatnonzero(counts)
    if len(rows) > MAPPED:
        rows = np.sort(np.random.default_rng(SEED).choice(rows, MAPPED, replace=False))
    targets = results.targets[split][rows]
    right = [is_right(targets, results.preds(results.method(name), split)[rows]) for name in pair]
    context = Context(experiment)
    own = context if view.held_out is None else context.of_fold(*view.held_out)
    features = hidden_features(own, pair[0], products.iloc[rows])
    perplexity = min(PERPLEXITY, (len(rows) - 1) / 3)
    found = TSNE(perplexity=perplexity, init="pca", random_state=SEED).fit_transform(features)
    who = [WHO[bool(text), bool(image)] for text, image in zip(*right, strict=True)]
    table = pd.DataFrame(found.astype(np.float32), index=products.index[rows], columns=["x", "y"])
    return table.assign(right=who)
