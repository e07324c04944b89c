"""Image experts of a trained run: what they start from, what they read, and the previews of it."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.configs import tiny_config
from helpers.image_cache import write_images
from safetensors.torch import load_file

from latefusion.config import Hardware, ImageInput
from latefusion.experts.context import Context
from latefusion.experts.image import cnn, dcl
from latefusion.experts.image.data import EvalImages, collate
from latefusion.experts.image.destruction import (
    nearest_mean,
    rearrange,
)
from latefusion.images.cache import open_images
from latefusion.images.store import decode
from latefusion.plan.planning import plan
from latefusion.training.loaders import eval_loader
from latefusion.utils.errors import InputError


def test_a_cnn_goes_on_from_another_with_its_head(trained_run, monkeypatch):
    monkeypatch.chdir(trained_run.folder)
    experiment = trained_run.experiment("experts.more={kind: cnn, start_from: cnn_raw, image: {resize: 48, crop: 40}}")
    context = Context(experiment)
    network = cnn.build(context, experiment.experts["more"], context.experiment.expert_dir("more"))
    stage_1 = load_file(context.experiment.expert_dir("cnn_raw") / "model.safetensors")
    assert all(torch.equal(value, stage_1[key]) for key, value in network.model.state_dict().items())
    assert [need.name for need in plan(experiment)["experts/more"].needs] == ["cnn_raw"]


@pytest.mark.parametrize("targets", ["exact", "nearest_mean"])
def test_a_batch_holds_both_copies_and_where_each_tile_came_from(trained_run, monkeypatch, targets):
    monkeypatch.chdir(trained_run.folder)
    experiment = trained_run.experiment(f"experts.dcl_clean.location_targets={targets}")
    context = Context(experiment)
    expert = experiment.experts["dcl_clean"]
    products = context.dataset.select("train")[:20]
    dataset = dcl.build(context, expert, context.experiment.expert_dir("dcl_clean")).train_set(products)
    for index, target in enumerate(context.dataset.targets(products)):
        item = dataset[(index, 0)]
        assert item["labels"] == target
        if targets == "exact":
            assert np.array_equal(rearrange(item["images"], item["permutation"]), item["destroyed"])
        else:
            guess = nearest_mean(item["images"], item["destroyed"], expert.grid)
            assert np.array_equal(item["permutation"], guess)


@pytest.mark.parametrize(
    ("script", "expert", "columns"), [("04_train_image.py", "cnn_raw", 3), ("05_train_dcl.py", "dcl_clean", 5)]
)
def test_a_preview_shows_what_the_network_reads(copied, script, expert, columns):
    before = copied.snapshot()
    copied.run(script, "--preview", "--only", expert)
    (drawn,) = set(copied.snapshot()) - set(before)
    assert drawn == f"weights/tiny/previews/{expert}.png"
    mosaic = decode(copied.folder / drawn)
    assert mosaic.shape == (8 * 36, columns * 36, 3)  # crops of 32 and a gap of 4
    if columns == 5:
        second, destroyed, put_together = (mosaic[:, column * 36 :][:, :32] for column in (2, 3, 4))
        assert np.array_equal(second, put_together)
        assert not np.array_equal(second, destroyed)


def test_a_preview_needs_prepared_images(workspace, capsys):
    workspace.write_config(tiny_config())
    with pytest.raises(SystemExit):
        workspace.run("04_train_image.py", "--preview")
    assert "run src/01_prepare.py --config" in capsys.readouterr().err


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_says_what_is_wrong_in_one_line(tmp_path, workers):
    write_images(tmp_path)
    (tmp_path / "7.png").write_bytes(b"")
    products = pd.read_parquet(tmp_path / "products.parquet")
    images = open_images(products, tmp_path, tmp_path / "cache", None)
    dataset = EvalImages(products, images, ImageInput(resize=16, crop=16))
    accelerator = SimpleNamespace(process_index=0, num_processes=1)
    loader = eval_loader(accelerator, dataset, collate, 1, Hardware(num_workers=workers))
    with pytest.raises(InputError) as caught:
        list(loader)
    assert "7.png: cannot be decoded" in str(caught.value)
    assert "\n" not in str(caught.value)
