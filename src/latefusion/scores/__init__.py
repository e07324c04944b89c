"""Scores of every expert, policy and vote, with intervals; gains of fusion over single experts; analysis of errors.

Writes `weights/<experiment>/scores/`: `scores.csv`, `comparisons.csv` (against the best single expert), `classes.csv`,
`votes.csv`, `pairs.csv` (oracle) and `calibration.csv`; and the report `submissions/<experiment>/scores.md`, with a
table laid out as Table 1 of the paper.

Two splits are scored. On `valid`, a product's own label was not used to choose the epoch of its prediction, nor to
train the policy that makes it (see `metrics.selection` and `fusion.networks`; `notes` lists the remaining influences).
On `test`, only products with a known label are scored: those held out by the split, and those of the test set if its
labels are given. They were not used for training or for any choice.
"""

from latefusion.scores.write import write_scores

__all__ = ["write_scores"]
