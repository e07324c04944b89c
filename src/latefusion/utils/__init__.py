"""Utilities that every package uses: errors, files, locks, seeds, weights, the environment of a run."""
