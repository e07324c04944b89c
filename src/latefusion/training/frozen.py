"""Training mode of partly frozen networks."""

from torch import nn


def set_train_mode(model: nn.Module) -> None:
    """Put a network into training mode, except its frozen modules, which compute as in evaluation.

    A module is frozen if it has parameters and none of them requires a gradient; so is all that it contains. Its batch
    normalisation keeps its running statistics and uses them, and its dropout and stochastic depth are off: what is not
    trained is a fixed function of the input, the same as when products are predicted.
    """
    model.train()
    _set_frozen_to_eval(model)


def _set_frozen_to_eval(module: nn.Module) -> None:
    requires_grad = [parameter.requires_grad for parameter in module.parameters()]
    if requires_grad and not any(requires_grad):
        module.eval()
    elif not all(requires_grad):
        for child in module.children():
            _set_frozen_to_eval(child)
