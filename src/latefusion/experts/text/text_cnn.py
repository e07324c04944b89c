"""The text_cnn expert: Kim, "Convolutional Neural Networks for Sentence Classification" (EMNLP 2014).

Word vectors, filters of several widths, the maximum over time of each, dropout, class head. Zahavy et al. (2016) use it
for titles with random vectors; Wirojwatanakul and Wangperawong (2019) for titles and for descriptions with GloVe's, one
width, and a hidden layer before the class head.

Writes `vocabulary.tsv` to the run folder: the words of the training texts with their counts, and whether the given word
vectors cover them.
"""

import logging
import shutil
from functools import partial
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from torch import nn

from latefusion.config import TextCnnExpert
from latefusion.experts.context import Context
from latefusion.experts.exported import WEIGHTS, Opening, Restored, copy_results
from latefusion.experts.layers import Layers
from latefusion.experts.network import Network
from latefusion.experts.text.fields import require_texts
from latefusion.experts.text.word_vectors import check_size, read_vectors
from latefusion.experts.text.words import (
    PADDING,
    UNKNOWN,
    Vocabulary,
    WordDataset,
    collate,
    learn_vocabulary,
    read_words,
)
from latefusion.plan.pretrained import find_vectors
from latefusion.plan.records import verified
from latefusion.training.objective import ONE_LABEL, Objective, make_objective, outputs
from latefusion.utils.weights import load_weights

logger = logging.getLogger(__name__)
VOCABULARY = "vocabulary.tsv"
RANDOM_LIMIT = 0.25  # random vectors are uniform between -0.25 and 0.25, as in Kim's code


class WordEncoder(nn.Module):
    """Word vectors, convolutions, maximum over time and, with `hidden_size`, a hidden layer with ReLU."""

    def __init__(self, expert: TextCnnExpert, n_vectors: int):
        super().__init__()
        size, filters, widths = expert.embedding_size, expert.filters, expert.filter_widths
        self.embedding = nn.Embedding(n_vectors, size, padding_idx=PADDING)  # padding stays zero
        self.convolutions = nn.ModuleList(nn.Conv1d(size, filters, width) for width in widths)
        pooled_size = filters * len(widths)
        self.hidden = None if expert.hidden_size is None else nn.Linear(pooled_size, expert.hidden_size)
        self.feature_size = pooled_size if expert.hidden_size is None else expert.hidden_size

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        """Return the features (B, F) of word numbers (B, L); L must be the widest filter or more."""
        vectors = self.embedding(words).transpose(1, 2)  # (B, D, L)
        pooled = torch.cat([convolution(vectors).amax(dim=2) for convolution in self.convolutions], dim=1)
        features = pooled.relu()  # the same as before the maximum, and faster
        return features if self.hidden is None else self.hidden(features).relu()


def pool(encoder: WordEncoder, words: torch.Tensor) -> torch.Tensor:
    """Return the features (B, F) of an encoder that pools by itself, for joint experts."""
    return encoder(words)


def word_layers(encoder: WordEncoder) -> Layers:
    """Return the layers: the word vectors are below them, the convolutions are the only one."""
    above = [] if encoder.hidden is None else list(encoder.hidden.parameters())
    return Layers(list(encoder.embedding.parameters()), [list(encoder.convolutions.parameters())], above)


class TextCnn(nn.Module):
    """Word encoder, dropout, linear head."""

    layers_of = staticmethod(word_layers)
    pool = staticmethod(pool)

    def __init__(self, expert: TextCnnExpert, n_vectors: int, num_classes: int, objective: Objective = ONE_LABEL):
        super().__init__()
        self.objective = objective
        self.encoder = WordEncoder(expert, n_vectors)
        self.dropout = nn.Dropout(expert.dropout)
        self.head = nn.Linear(self.encoder.feature_size, num_classes)

    @property
    def feature_size(self) -> int:
        return self.encoder.feature_size

    def features(self, words: torch.Tensor) -> torch.Tensor:
        """Return the input of the class head, before dropout, (B, F)."""
        return self.encoder(words)

    def forward(self, words: torch.Tensor, labels: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        logits = self.head(self.dropout(self.features(words)))  # (B, C)
        return outputs(self.objective, logits, labels)


def build(context: Context, expert: TextCnnExpert, run_dir: Path) -> Network:
    """Build the network; its vocabulary is learnt from the training products, or read if it is in `run_dir` already.

    Raises InputError if the training products have no words, or the word vectors cannot be read.
    """
    dataset, path = context.dataset, run_dir / VOCABULARY
    train = dataset.select("train")
    with context.accelerator.main_process_first():  # the others read the vocabulary from disk
        if path.exists():
            vocabulary = Vocabulary.load(path)
        else:
            require_texts(train, expert)
            vocabulary = learn_vocabulary(read_words(train, expert), expert)
        vectors, covered = _given_vectors(expert, vocabulary)
        if not path.exists():
            vocabulary.save(path, covered)
    objective = make_objective(expert.train, several=dataset.several)
    model = TextCnn(expert, len(vocabulary), len(dataset.classes), objective)
    set_vectors(model.encoder.embedding, vectors, covered)
    model.encoder.embedding.requires_grad_(expert.train_vectors)
    return Network(
        model=model,
        param_groups=[{"params": [parameter for parameter in model.parameters() if parameter.requires_grad]}],
        train_set=lambda products: WordDataset(vocabulary, products, expert, dataset.targets(products)),
        eval_set=lambda products: WordDataset(vocabulary, products, expert),
        collate=partial(collate, expert=expert),
        facts={"vocabulary": len(vocabulary.words)} | _coverage(expert, vocabulary, covered),
    )


def _given_vectors(expert: TextCnnExpert, vocabulary: Vocabulary) -> tuple[np.ndarray, np.ndarray]:
    """Return the given vectors of all words, (V, D), and which words have one, (V,)."""
    if expert.word_vectors is None:
        n_words = len(vocabulary.words)
        return np.zeros((n_words, expert.embedding_size), np.float32), np.zeros(n_words, bool)
    file = find_vectors(expert.word_vectors)
    check_size(file, expert.embedding_size)
    return read_vectors(file, vocabulary.words)


def _coverage(expert: TextCnnExpert, vocabulary: Vocabulary, covered: np.ndarray) -> dict[str, float]:
    """Return, and log, which share of the words the given word vectors cover; empty without such vectors."""
    if expert.word_vectors is None:
        return {}
    shares = vocabulary.coverage(covered)
    logger.info(
        "%s covers %.1f %% of the vocabulary of %d words, %.1f %% of the words of the training texts",
        expert.word_vectors, 100 * shares["vocabulary_covered"], len(covered), 100 * shares["words_covered"],
    )  # fmt: skip
    return shares


@torch.no_grad()
def set_vectors(embedding: nn.Embedding, vectors: np.ndarray, covered: np.ndarray) -> None:
    """Set the vectors of all words: given ones (V, D) where `covered` (V,), otherwise random ones.

    Random vectors are uniform, with the variance of the given ones (Kim, section 3.3), so that neither kind outweighs
    the other. That of unknown words begins at zero: without rare words to learn it from, it stays like padding.
    """
    limit = RANDOM_LIMIT if not covered.any() else sqrt(3) * float(vectors[covered].std())
    embedding.weight.uniform_(-limit, limit)
    embedding.weight[PADDING] = embedding.weight[UNKNOWN] = 0
    rows = torch.from_numpy(np.flatnonzero(covered) + UNKNOWN + 1)
    embedding.weight[rows] = torch.from_numpy(vectors[covered])


def export_text_cnn(context: Context, name: str, expert: TextCnnExpert, folder: Path) -> None:
    """Copy the weights and the vocabulary."""
    copy_results(context, name, folder, WEIGHTS, VOCABULARY)


def export_vocabulary(context: Context, expert: TextCnnExpert, run_dir: Path, folder: Path) -> None:
    """Copy the vocabulary alone, from the run folder of the training."""
    shutil.copyfile(verified(run_dir, VOCABULARY), folder / VOCABULARY)


def restore_text_cnn(opening: Opening, expert: TextCnnExpert) -> Restored:
    """Return the network of an exported expert."""
    restored = restore_words(opening, expert)
    load_weights(restored.model, opening.folder / WEIGHTS)
    return restored


def restore_words(opening: Opening, expert: TextCnnExpert) -> Restored:
    """Return the network with random weights."""
    vocabulary = Vocabulary.load(opening.folder / VOCABULARY)
    objective = make_objective(expert.train, several=opening.several)
    return Restored(
        model=TextCnn(expert, len(vocabulary), opening.num_classes, objective),
        dataset=lambda products, images: WordDataset(vocabulary, products, expert),
        collate=partial(collate, expert=expert),
        batch_size=expert.train.batch_size,
    )
