"""Scores, calibration and the choice of epochs."""
