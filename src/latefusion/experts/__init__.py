"""Experts turn products into class probabilities. Each leaves its run folder, `weights/<experiment>/<expert>/`:

`config.yaml`, `job.json`, the weights, `log.jsonl` (networks), `metrics.json`, `valid_probs.parquet` and
`test_probs.parquet` (held-out and unlabelled test products alike).
"""
