"""Code that the notebooks share: opening a run, and plotting."""
