"""The policy network that reads the raw text or image, and chooses which of two experts decides on a product.

Zahavy et al., "Is a picture worth a thousand words?", 2016, section 3.4 (1b): the architecture is that of the text or
the image network. What it learns, and with which loss, is in `fusion.select`. It is trained by the code of the experts
on a dataset of its own with the one label "ask": of one label out of several, their loss is that of the paper.

For each fold there is a network that was trained on the other folds, and one for test products, trained on all; each
to the last epoch. While the job runs they are in `folds/` of its run folder, so that an interrupted run continues. The
one for test products is kept, in `network/`, for new products.
"""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from latefusion.config import ExpertConfig, RawSelectPolicy
from latefusion.fusion.asked import Asked, write_asked
from latefusion.fusion.inputs import ALL, FusionInputs
from latefusion.fusion.select import choice_facts, second_alone_is_right
from latefusion.metrics.decisions import decide
from latefusion.plan.records import remove_temporary
from latefusion.tables.artifacts import read_parquet
from latefusion.tables.dataset import Dataset
from latefusion.tables.probabilities import check_ids
from latefusion.utils.files import remove
from latefusion.utils.seeds import derive_seed

if TYPE_CHECKING:
    from latefusion.experts.exported import Opening, Predict

logger = logging.getLogger(__name__)
ASK = "ask"
NETWORK = "network"  # the folder of the network for new products in the policy's run folder
HELD_OUT = "held_out"  # `held_out_asked.parquet` in the folder of a network that has finished


@dataclass(frozen=True)
class FittedRawSelect:
    """What the networks of the folds have chosen on the products that they hold out, and one on the test products.

    `test_tables` has the sigmoids of the latter, (N_test, 1), which `decide` and `asked` take after the tables of the
    experts; for other products they are those of `open_choice`.
    """

    inputs: FusionInputs[RawSelectPolicy]
    oof_probs: np.ndarray  # (N, C)
    oof_asked: Asked
    test_tables: tuple[np.ndarray, ...]

    @property
    def facts(self) -> dict:
        """The shares of products for which the choice is right, and so on: see `choice_facts`."""
        return choice_facts(self.inputs, self.oof_asked)

    def save(self, run_dir: Path) -> None:
        """Write nothing: the network is in the run folder since it was trained."""

    def asked(self, tables: tuple[np.ndarray, ...]) -> Asked:
        """Return for which products the second expert is chosen, from both experts' and the network's tables."""
        return _asked(tables[2][:, 0])

    def decide(self, tables: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the decisions and (N, C) probabilities for products, from both experts' and the network's tables."""
        first, second = self.inputs.calibrated(ALL, tables[:2])
        probs = np.where(self.asked(tables).asked[:, None], second, first)
        return decide(probs, several=self.inputs.several), probs


def fit_raw_select(inputs: FusionInputs[RawSelectPolicy]) -> FittedRawSelect:
    """Train a network for each fold on the other folds, and one on all for the test products."""
    assert inputs.raw is not None  # `PolicyTrainer` gives it to policies with a network of their own
    products = inputs.raw.dataset.fusion_products
    oof_ask, oof_probs = np.empty(len(products)), np.empty_like(inputs.tables[0])
    for fold in range(inputs.policy.n_folds):
        held_out = inputs.folds == fold
        oof_ask[held_out] = _train_and_ask(inputs, fold, products[held_out])
        first, second = inputs.calibrated(fold, tuple(table[held_out] for table in inputs.tables))
        oof_probs[held_out] = np.where(_asked(oof_ask[held_out]).asked[:, None], second, first)
    test_ask = _train_and_ask(inputs, ALL, inputs.raw.dataset.evaluation_splits["test"])
    return FittedRawSelect(inputs, oof_probs, _asked(oof_ask), (test_ask[:, None],))


def load_raw_select(inputs: FusionInputs[RawSelectPolicy], run_dir: Path, facts: dict) -> FittedRawSelect:
    """Return the policy without its network, which `open_choice` opens; neither `run_dir` nor `facts` is used."""
    return FittedRawSelect(inputs, inputs.tables[0], Asked.nothing(), ())


def open_choice(opening: "Opening", policy: RawSelectPolicy) -> "Predict":
    """Return the function that gives the (N, 1) sigmoids of a policy's network, which is in `opening.folder`."""
    from latefusion.experts.kinds import EXPERTS

    expert = _network(policy, opening.experts[policy.network], ALL)
    predict = EXPERTS[expert.kind].require("open")(replace(opening, num_classes=1, several=True), expert)
    return lambda products, images: _weighted(predict(products, images), policy.positive_weight)


def _asked(ask: np.ndarray) -> Asked:
    return Asked(ask, ask > 0.5)


def _train_and_ask(inputs: FusionInputs[RawSelectPolicy], fold: int, products: pd.DataFrame) -> np.ndarray:
    """Return (n,) sigmoids of the network of a fold for products that it holds out; train it unless that is done."""
    from latefusion.experts.exported import export_network
    from latefusion.experts.kinds import build_network
    from latefusion.experts.network import predict_products
    from latefusion.experts.training import fit_network
    from latefusion.training.checkpoint import best_weights
    from latefusion.utils.weights import load_weights

    raw, name = inputs.raw, "all" if fold == ALL else f"fold-{fold}"
    assert raw is not None
    run_dir = raw.run_dir / "folds" / name
    path = run_dir / f"{HELD_OUT}_asked.parquet"
    if path.exists():  # before an interrupt
        table = read_parquet(path, ("ask", "asked"))
        check_ids(path, table.index, products.index)
        return table.loc[products.index, "ask"].to_numpy(np.float64)
    whole = raw.context()
    context = whole.of_dataset(choices(inputs, fold))
    expert = _network(inputs.policy, whole.experiment.experts[inputs.policy.network], fold)
    training = expert.require_training()
    # Products without an image are learnt from too: a blank white image, for which the image expert is rarely right.
    network = replace(build_network(context, expert, run_dir), training_products=lambda products: products)
    fitted = fit_network(
        context, network, context.dataset.select("train"), None,
        training=training, run_dir=run_dir, name=f"{raw.run_dir.name} {name}", section=f"policies.{raw.run_dir.name}",
    )  # fmt: skip
    weights = best_weights(run_dir, fitted.progress)
    load_weights(network.model, weights)
    probs = predict_products(context, network, products, training.batch_size)[:, 0]
    ask = _weighted(probs, inputs.policy.positive_weight)
    if fold == ALL:
        remove(raw.run_dir / NETWORK)  # of a run that was interrupted here
        export_network(context, expert, run_dir, weights, raw.run_dir / NETWORK)
    write_asked(run_dir, HELD_OUT, products.index, _asked(ask))
    remove_temporary(run_dir)  # large checkpoints: there is a network for each fold
    return ask.astype(np.float64)


def _weighted(probs: np.ndarray, positive_weight: float) -> np.ndarray:
    """Return the sigmoids of logits from which log(q) was subtracted for (...,) probabilities, float32.

    The networks of experts subtract it. Here q is there to choose the second expert more often, as in the paper.
    """
    odds = positive_weight * probs.astype(np.float64)
    return (odds / (odds + 1 - probs)).astype(np.float32)


def _network(policy: RawSelectPolicy, expert: ExpertConfig, fold: int) -> ExpertConfig:
    """Return the expert whose network is trained for a fold: with the policy's loss, and a seed for the fold."""
    own = {key: getattr(policy, key) for key in ("epochs", "lr", "batch_size") if getattr(policy, key) is not None}
    seed = derive_seed(policy.seed, "network", fold)
    own |= {"positive_weight": policy.positive_weight, "epoch": "last", "keep_last": 0, "seed": seed}
    return expert.model_copy(update={"train": expert.require_training().model_copy(update=own)})


@dataclass(frozen=True)
class Choices(Dataset):
    """All products, of which those that a network is trained on are `train`; the label `ask`, or none."""

    def targets(self, products: pd.DataFrame) -> np.ndarray:
        """Return (N, 1): whether the second expert alone is right."""
        return (products["label"] == ASK).to_numpy(np.int8)[:, None]


def choices(inputs: FusionInputs[RawSelectPolicy], fold: int) -> Choices:
    """Return the dataset of the network of a fold: nothing in it depends on the labels of the fold."""
    assert inputs.raw is not None
    dataset, rows = inputs.raw.dataset, inputs.fit_rows(fold)
    trained = dataset.fusion_products.index[rows]
    asking = trained[second_alone_is_right(inputs, fold)[rows]]
    ids = dataset.products.index
    split = np.where(ids.isin(trained), "train", "")
    label = np.where(ids.isin(asking), ASK, "")
    products = dataset.products.assign(split=split, label=label)
    return Choices(products, [ASK], dataset.split, several=True)
