"""Check that a text encoder can be built and matches its tokenizer, before anything is trained."""

from latefusion.config import Experiment, TextProbe, TransformerExpert
from latefusion.experts.meta import on_meta
from latefusion.plan.pretrained import local_folder
from latefusion.utils.errors import InputError


def check_transformer(experiment: Experiment, expert: TransformerExpert, backbones: dict) -> None:
    """Raise InputError if the encoder cannot be built, or has fewer layers than are to be trained.

    An encoder that is only on the hub is not checked.
    """
    if expert.model is None:  # from scratch: the config has checked its sizes
        return
    folder = local_folder(expert.model)
    if folder is None:  # on the hub
        return
    from latefusion.experts.layers import check_layers
    from latefusion.experts.text.encoder_layers import encoder_layers
    from latefusion.experts.text.pretrained_encoder import check_encoder  # importing transformers takes seconds

    encoder = on_meta(
        lambda: check_encoder(folder, max_length=expert.max_length, dropout=expert.dropout),
        f"{folder} cannot be built",
    )
    if expert.train.gradient_checkpointing and not encoder.supports_gradient_checkpointing:
        raise InputError(
            f"train.gradient_checkpointing: not supported by a {encoder.config.model_type} encoder; set it to false"
        )
    check_layers(encoder, encoder_layers, expert.train)


def check_text_probe(experiment: Experiment, expert: TextProbe, backbones: dict) -> None:
    """Raise InputError if the encoder cannot be built; an encoder that is only on the hub is not checked."""
    encoder = TransformerExpert(kind="transformer", model=expert.model, max_length=expert.max_length)
    check_transformer(experiment, encoder, backbones)
