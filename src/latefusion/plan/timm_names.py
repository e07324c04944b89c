"""Check the name of a timm model."""

from latefusion.utils.errors import InputError
from latefusion.utils.nearest import did_you_mean, nearest


def check_timm_name(model: str) -> None:
    """Raise InputError, with the nearest known name, if timm has no such model or no such weights of it."""
    import timm  # here: it takes seconds

    name, _, tag = model.partition(".")
    if not timm.is_model(name):
        near = nearest(name, timm.list_models())
        raise InputError(f"model: timm has no model '{name}'" + (f"; did you mean '{near}'?" if near else ""))
    tagged = timm.list_models(name, pretrained=True)
    if tag and model not in tagged:
        others = did_you_mean(model, tagged) if tagged else ", nor any others; set pretrained to false"
        raise InputError(f"model: timm has no weights '{tag}' for {name}{others}")
