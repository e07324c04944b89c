"""The one training loop, on accelerate: it serves the transformer, the CNN and DCL alike.

A model is called with a batch of keyword tensors and returns a dict: `logits` (B, C) and, where the batch holds
`labels`, `loss` and its parts. All randomness of an epoch is derived from the seed and the epoch, so a run that was cut
and begun again ends with the same weights.
"""

import logging
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, InitProcessGroupKwargs, set_seed
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from latefusion.config import Hardware, Training
from latefusion.metrics import macro_f1
from latefusion.randomness import derive_seed
from latefusion.training.checkpoint import Progress, keep_weights, resume, save_checkpoint
from latefusion.training.loaders import Collate, Data, eval_loader, train_loader
from latefusion.training.optim import lr_factor, make_optimizer

logger = logging.getLogger(__name__)


def make_accelerator(hardware: Hardware) -> Accelerator:
    """Return an accelerator that shares out each global batch among its processes."""
    precision = hardware.mixed_precision
    if precision == "auto":
        has_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
        precision = "bf16" if has_bf16 else "no"
    return Accelerator(
        mixed_precision=precision,
        dataloader_config=DataLoaderConfiguration(split_batches=True, non_blocking=True),
        # The others wait while the main process fits what has one process only; the default gives up after minutes.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=12))],
    )


def fit(
    accelerator: Accelerator,
    model: torch.nn.Module,
    param_groups: list[dict],
    data: Data,
    *,
    training: Training,
    hardware: Hardware,
    run_dir: Path,
    name: str,
) -> Progress:
    """Train the model, or continue where a run was cut, and leave its best and late weights in `run_dir`."""
    loader = train_loader(data, training, hardware, accelerator.num_processes)
    sampler = loader.sampler
    optimizer = make_optimizer(param_groups, training)
    scheduler = LambdaLR(optimizer, lr_factor(training, len(loader)))
    model, optimizer, loader, scheduler = accelerator.prepare(model, optimizer, loader, scheduler)
    if data.valid is not None:
        valid_loader = accelerator.prepare(eval_loader(data.valid, data.collate, training.batch_size, hardware))
    progress = resume(accelerator, run_dir, name)
    hidden = None if accelerator.is_main_process else True
    bar = tqdm(total=training.epochs * len(loader), initial=progress.step, desc=name, unit="batch", disable=hidden)
    for epoch in range(progress.epoch, training.epochs):
        sampler.epoch = epoch
        set_seed(derive_seed(training.seed, "epoch", epoch), device_specific=True)
        record = train_one_epoch(accelerator, model, loader, optimizer, scheduler, bar)
        if data.valid is not None:
            probs = predict(accelerator, model, valid_loader)
            record["valid_macro_f1"] = macro_f1(data.valid_targets, probs.argmax(axis=1))
        best = progress.record(record, len(loader))
        logger.info("%s: epoch %d/%d %s", name, progress.epoch, training.epochs, _one_line(record))
        if accelerator.is_main_process:
            keep_weights(accelerator.unwrap_model(model), progress, training, run_dir, best=best)
        save_checkpoint(accelerator, progress, run_dir)
    bar.close()
    accelerator.wait_for_everyone()
    accelerator.free_memory()
    return progress


def train_one_epoch(
    accelerator: Accelerator,
    model: torch.nn.Module,
    loader: DataLoader,
    optimizer: Optimizer,
    scheduler: LRScheduler,
    bar: tqdm,
) -> dict[str, float]:
    """Return the epoch's record: the mean of each loss, the last learning rate, items a second."""
    model.train()
    sums: dict[str, torch.Tensor] = {}
    started, items = time.perf_counter(), 0
    for batch in loader:
        outputs = model(**batch)
        accelerator.backward(outputs["loss"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        for key in (key for key in outputs if key.endswith("loss")):
            sums[key] = sums.get(key, 0) + outputs[key].detach()  # on the device: reading it each step would wait
        items += len(batch["labels"]) * accelerator.num_processes
        bar.update()
    losses = {key: (accelerator.reduce(value, "mean") / len(loader)).item() for key, value in sums.items()}
    speed = items / (time.perf_counter() - started)
    return losses | {"lr": scheduler.get_last_lr()[0], "items_per_second": round(speed, 1)}


@torch.inference_mode()
def predict(accelerator: Accelerator, model: torch.nn.Module, loader: DataLoader) -> np.ndarray:
    """Return (N, C) float32 probabilities in the dataset's order, each item once, on every process."""
    model.eval()
    probs = []
    for batch in loader:
        with accelerator.autocast():
            logits = model(**batch)["logits"]
        probs.append(accelerator.gather_for_metrics(logits.float().softmax(dim=-1)).cpu())
    return torch.cat(probs).numpy()


def predict_dataset(
    accelerator: Accelerator,
    model: torch.nn.Module,
    dataset: Dataset,
    collate: Collate,
    *,
    batch_size: int,
    hardware: Hardware,
) -> np.ndarray:
    """Return (N, C) float32 probabilities of a dataset."""
    loader = accelerator.prepare(eval_loader(dataset, collate, batch_size, hardware))
    probs = predict(accelerator, model.to(accelerator.device), loader)
    accelerator.free_memory()
    return probs


def _one_line(record: dict[str, float]) -> str:
    return " ".join(f"{key} {value:.4g}" for key, value in record.items())
