"""Folders of pretrained weights as a user would put them into weights/pretrained/."""

from pathlib import Path

from latefusion.plan.pretrained import FOLDER


def put_weights(name: str, content: str = "weights") -> Path:
    folder = FOLDER / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_text(content)
    return folder
