"""Scores: every expert, every policy and the votes, with intervals; what fusion adds, and where experts err.

Writes `weights/<experiment>/scores/`: `scores.csv`, `comparisons.csv` (against the best single expert), `classes.csv`,
`votes.csv`, `pairs.csv` (oracle) and `calibration.csv`; and the report
`submissions/<experiment>/scores.md`, whose table is laid out as the paper's Table 1.

Two splits are scored. `valid`: no row is by an epoch that its own label chose, or a policy that learnt it (`notes` says
what is left; see `selection` and `fusion.policy_net`). `test`: products nobody trained or chose on and whose label is
known, the held-out share and the test set where its labels are given.
"""

from latefusion.scores.write import write_scores

__all__ = ["write_scores"]
