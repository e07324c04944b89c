"""Experts: text, image and joint classifiers that turn products into class probabilities.

Each writes its run folder, `weights/<experiment>/experts/<expert>/`: `config.yaml`, `job.json`, the weights,
`log.jsonl` (networks only), `metrics.json`, `valid_probs.parquet` (of an expert that is joined from folds
`oof_probs.parquet`) and `test_probs.parquet` (test products with and without a label).
"""
