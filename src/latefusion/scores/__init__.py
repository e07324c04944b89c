"""Scores of every expert, policy and vote, with intervals; gains of fusion over single experts; analysis of errors.

Writes `weights/<experiment>/scores/`: `scores.csv`, `comparisons.csv` (against the best single expert), `classes.csv`,
`votes.csv`, `pairs.csv` (oracle) and `calibration.csv`; and the report `submissions/<experiment>/scores.md`, with a
table laid out as Table 1 of the paper.

Two splits are scored. `valid`: the decision on a product does not come from an epoch that its own label has chosen, nor
from a policy trained on its label (see `metrics.selection` and `fusion.networks`; `notes` lists the remaining
influences). `test`: products with a known label that were not used in training or in any choice: the held-out share,
and the test set where its labels are given.
"""

from latefusion.scores.write import write_scores

__all__ = ["write_scores"]
