"""The one training loop and its parts: data loading, optimisation, checkpoints."""
