"""Denoising: label issues by confident learning, and how they are shown and reported."""
