"""Scores of every expert, policy and vote, with intervals; the choice of the submission; analysis of errors.

`write.write_scores` writes `weights/<experiment>/scores/`: `scores.csv`, `comparisons.csv` (against the best single
expert), `classes.csv`, `votes.csv`, `pairs.csv` (oracle), `calibration.csv`, `choice.csv` (which methods are clearly
worse than the best) and `automation.csv` (confidence thresholds); and the report `submissions/<experiment>/scores.md`,
with a table laid out as Table 1 of the paper. `submitted.submit` does the job `submission`.

Two splits are scored. On `valid` (cross-fitted: `oof`), a product's own label was not used to choose the epoch of its
prediction, nor to train the policy that makes it (see `metrics.selection` and `fusion.networks`; `notes` lists the
remaining influences).
On `test`, only products with a known label are scored: those held out by the split, and those of the test set if its
labels are given. They were not used for training or for any choice.

Nothing is imported here: `current` is light, and tells in a second whether scores must be made again.
"""
