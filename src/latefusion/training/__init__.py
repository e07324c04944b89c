"""The training loop, batches, data loaders, optimizers, checkpoints and logs of every network."""
