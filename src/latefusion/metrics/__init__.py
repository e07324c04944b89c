"""Metrics, calibration and the selection of epochs."""
