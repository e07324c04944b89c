"""Denoising: find label issues by confident learning, show them in an HTML gallery, and report them."""
