"""The training loop of every network, on top of accelerate.

A model is called with a batch of keyword tensors and returns a dict: `logits` (B, C); if the batch has `labels` also
`loss` and its terms, each a mean over the batch, and otherwise `probs` (B, C), as `training.objective` makes them. All
randomness of an epoch is derived from the seed and the epoch, and a checkpoint holds the states of the random
generators. So a run that is interrupted at any step and resumed ends with the same weights.
"""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DataLoaderConfiguration, InitProcessGroupKwargs, send_to_device, set_seed
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Dataset

from latefusion.config import Hardware, Training
from latefusion.metrics.decisions import decide
from latefusion.metrics.f1 import split_scores
from latefusion.training.checkpoint import keep_weights, resume, save_checkpoint
from latefusion.training.divergence import Divergence, count_broken
from latefusion.training.frozen import set_train_mode
from latefusion.training.loaders import Collate, Data, eval_loader, train_loader
from latefusion.training.log import TrainingLog
from latefusion.training.optim import lr_factor, make_optimizer
from latefusion.training.progress import Progress, Step
from latefusion.utils.arrays import group_means
from latefusion.utils.errors import InputError
from latefusion.utils.seeds import derive_seed

logger = logging.getLogger(__name__)


def make_accelerator(hardware: Hardware) -> Accelerator:
    """Return an accelerator; `auto` precision is bf16 where the GPU or CPU supports it natively, else fp32.

    An accelerator that this process made earlier must not be used any more.
    """
    precision = hardware.mixed_precision
    if precision == "auto":
        precision = "bf16" if _computes_in_bf16() else "no"
    # accelerate allows only one precision per process, but a notebook may open two experiments. This resets the
    # precision only: the process group is kept.
    AcceleratorState._reset_state()
    accelerator = Accelerator(
        cpu="WORLD_SIZE" in os.environ and not torch.cuda.is_available(),  # without it CPU processes do not join
        mixed_precision=precision,
        dataloader_config=DataLoaderConfiguration(split_batches=True),  # batches are global: one scheduler step each
        # The others wait while the main process runs a job that uses one process (tfidf); the default timeout is a
        # few minutes.
        kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(hours=12))],
    )
    if accelerator.num_processes == 1 and "MASTER_ADDR" in os.environ:
        logger.warning(
            "only one process: `accelerate launch --cpu` does not start several; use torchrun --nproc_per_node"
        )
    logger.info(
        "%s, %d processes, precision %s",
        accelerator.device.type, accelerator.num_processes, {"no": "fp32"}.get(precision, precision),
    )  # fmt: skip
    return accelerator


def _computes_in_bf16() -> bool:
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    capabilities = torch.cpu.get_capabilities()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


@dataclass(frozen=True)
class Fitted:
    """The result of a training run.

    `valid_probs` (N_valid, C): each validation fold has the probabilities of the epoch that is best on the other folds;
    with `epoch: last`, all have those of the last epoch. None without validation products.
    """

    progress: Progress
    valid_probs: np.ndarray | None


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
    section: str,
) -> Fitted:
    """Train the model, or resume an interrupted run, and write the best and late weights to `run_dir`.

    `section` is the config key of `training`, for messages. Raises InputError if a loss, the weights or the validation
    probabilities are not finite; earlier checkpoints are kept.
    """
    loader = train_loader(accelerator, data, training, hardware)
    batches = loader.batch_sampler
    optimizer = make_optimizer(param_groups, training)
    scheduler = LambdaLR(optimizer, lr_factor(training, batches.n_batches))
    if hardware.compile:
        torch.compiler.reset()  # compilation stops after eight graphs of a module class: reset for each expert
        model.compile()
    model, optimizer, scheduler = accelerator.prepare(model, optimizer, scheduler)
    selection = data.selection
    if selection is not None:
        valid_loader = eval_loader(accelerator, data.valid, data.collate, training.batch_size, hardware)
    progress = resume(accelerator, run_dir, name, selection)
    total_steps = training.epochs * batches.n_batches
    divergence = Divergence(name, section, training, accelerator.mixed_precision)
    with TrainingLog(accelerator, hardware, run_dir, name, progress, total_steps) as log:
        for epoch in range(progress.epoch, training.epochs):
            batches.set_epoch(epoch, done=progress.batch)
            if progress.batch == 0:
                set_seed(derive_seed(training.seed, "epoch", epoch), device_specific=True)
            log.begin_epoch()
            for step in train_steps(accelerator, model, loader, optimizer, scheduler):
                progress.add(step)
                log.step(progress, step)
                if progress.step % hardware.checkpoint_every == 0 and progress.batch < batches.n_batches:
                    divergence.check_training(progress.summed(accelerator), model, epoch + 1)
                    save_checkpoint(accelerator, progress, selection, run_dir)
            record = _epoch_record(accelerator, progress, step.lr, batches.padding_share, log)
            divergence.check_training(record, model, epoch + 1)
            score = None
            if selection is not None:
                probs = predict(accelerator, model, valid_loader)
                divergence.check_probs(probs, epoch + 1)
                selection.add(probs)
                preds = decide(probs, several=selection.targets.ndim == 2)
                record |= split_scores("valid", selection.targets, preds)
                score = record[f"valid_{selection.metric}"]
            best = progress.close_epoch(record, score if training.epoch == "best" else None)
            log.close_epoch(progress, record)
            logger.info("%s: epoch %d/%d %s", name, progress.epoch, training.epochs, _one_line(record))
            if accelerator.is_main_process:
                keep_weights(accelerator.unwrap_model(model), progress, training, run_dir, best=best)
            save_checkpoint(accelerator, progress, selection, run_dir)
    accelerator.wait_for_everyone()
    accelerator.free_memory()
    return Fitted(progress, None if selection is None else selection.probs)


def train_steps(
    accelerator: Accelerator,
    model: torch.nn.Module,
    loader: DataLoader,
    optimizer: Optimizer,
    scheduler: LRScheduler,
) -> Iterator[Step]:
    """Train on the micro-batches of the loader's sampler; yield a Step after each optimizer step."""
    set_train_mode(model)
    losses: dict[str, torch.Tensor] = {}
    share, lr_factor_of_first = 0.0, optimizer.param_groups[0].get("lr_factor", 1.0)
    for micro_batch, batch in zip(loader.batch_sampler.micro_batches, loader, strict=True):
        weight = micro_batch.count / micro_batch.batch_size
        with nullcontext() if micro_batch.closes_batch else accelerator.no_sync(model):
            outputs = model(**send_to_device(batch, accelerator.device, non_blocking=True))
            # DDP averages the gradients over the processes: multiply by their number to get the sum.
            accelerator.backward(outputs["loss"] * (weight * accelerator.num_processes))
        for key in (key for key in outputs if key.endswith("loss")):
            losses[key] = losses.get(key, 0.0) + outputs[key].detach() * weight
        share += weight
        if micro_batch.closes_batch:
            step = Step(losses, micro_batch.batch_size, share, lr=scheduler.get_last_lr()[0] / lr_factor_of_first)
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
            yield step
            losses, share = {}, 0.0


def predict(accelerator: Accelerator, model: torch.nn.Module, loader: DataLoader) -> np.ndarray:
    """Return (N, C) float32 probabilities in the dataset's order, the same on every process.

    If the dataset has several items of a product (its attribute `counts`, (N,)), these are the means over them.
    """
    model.eval()
    probs = map_items(accelerator, lambda **batch: model(**batch)["probs"], loader)
    counts = loader.batch_sampler.counts
    return probs if counts is None else group_means(probs, counts)


@torch.inference_mode()
def map_items(accelerator: Accelerator, function: Callable[..., torch.Tensor], loader: DataLoader) -> np.ndarray:
    """Apply `function`, which maps batches to (B, F), to a dataset; return (N, F) float32 in its order.

    Each item is computed by one process; all processes return the same array.
    """
    batches = loader.batch_sampler
    values = None
    for micro_batch, batch in zip(batches.micro_batches, loader, strict=True):
        with accelerator.autocast():
            computed = function(**send_to_device(batch, accelerator.device, non_blocking=True))
        if values is None:
            values = torch.zeros(batches.size, computed.shape[1], device=accelerator.device)
        rows = torch.from_numpy(micro_batch.rows[: micro_batch.count]).to(accelerator.device)
        values[rows] = computed[: micro_batch.count].float()
    return accelerator.reduce(values, "sum").cpu().numpy()  # each row is nonzero on one process only


def map_dataset(
    accelerator: Accelerator,
    model: torch.nn.Module,
    function: Callable[..., torch.Tensor],
    dataset: Dataset,
    collate: Collate,
    *,
    batch_size: int,
    hardware: Hardware,
) -> np.ndarray:
    """Return (N, F) float32: `function`, which maps batches to (B, F) and belongs to `model`, applied to a dataset."""
    model.to(accelerator.device).eval()
    return map_items(accelerator, function, eval_loader(accelerator, dataset, collate, batch_size, hardware))


def predict_dataset(
    accelerator: Accelerator,
    model: torch.nn.Module,
    dataset: Dataset,
    collate: Collate,
    *,
    batch_size: int,
    hardware: Hardware,
) -> np.ndarray:
    """Return (N, C) float32 probabilities of a dataset. Raises InputError if any is not finite."""
    loader = eval_loader(accelerator, dataset, collate, batch_size, hardware)
    probs = predict(accelerator, model.to(accelerator.device), loader)
    if broken := count_broken(probs):
        raise InputError(
            f"the probabilities of {broken} of {len(probs)} products are nan: the network overflows in "
            f"{accelerator.mixed_precision}; lower its train.lr, or use another hardware.mixed_precision"
        )
    return probs


def _epoch_record(
    accelerator: Accelerator, progress: Progress, lr: float, padding_share: float | None, log: TrainingLog
) -> dict[str, float]:
    """Return the epoch's record: mean losses over its items, the last learning rate, speed, share of padding."""
    record = {key: total / progress.items for key, total in progress.summed(accelerator).items()}
    record |= {"lr": lr, "items_per_second": round(log.items_per_second(), 1)}
    return record if padding_share is None else record | {"padding_share": round(padding_share, 4)}


def _one_line(record: dict[str, float]) -> str:
    return " ".join(f"{key} {value:.4g}" for key, value in record.items())
