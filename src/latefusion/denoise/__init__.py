"""Denoising: label issues found by confident learning, their HTML gallery, and their report."""
