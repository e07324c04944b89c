"""Write the products' tables and images in one of three layouts.

`sigir` is the layout of the SIGIR data challenge: tab-separated, quotes are text. `ens` is the layout of ENS Challenge
Data: comma-separated, the first header cell is empty. Both hold the same products, ids, texts and images. `table` is a
CSV table of products with several labels each, which `|` separates. `hidden/` holds labels that must not be used for
training.
"""

import csv
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from latefusion.utils.progress import Bar
from sample_catalogue.images import save_image, use_one_thread
from sample_catalogue.plan import Product
from sample_catalogue.several.images import save_image as save_image_of_several
from sample_catalogue.several.plan import Product as ProductOfSeveral

AnyProduct = Product | ProductOfSeveral

IMAGE_FOLDERS = {
    "sigir": {"train": "image_training", "phase1": "image_test", "phase2": "image_test"},
    "ens": {"train": "images/image_train", "phase1": "images/image_test", "phase2": "images/image_test"},
    "table": {"train": "images", "test": "images"},
}
TABLE_NAMES = {
    "sigir": ("X_train.tsv", "Y_train.tsv", "x_test_task1_phase1.tsv", "x_test_task1_phase2.tsv"),
    "ens": ("X_train_update.csv", "X_test_update.csv", "Y_train_CVw08PX.csv"),
    "table": ("products.csv", "test_products.csv"),
}
SAVE_IMAGE = {"sigir": save_image, "ens": save_image, "table": save_image_of_several}
SEPARATOR = "|"  # of several labels
HIDDEN_NAMES = ("hidden/y_test.csv", "hidden/label_noise.csv")
IMAGES_PER_BATCH = 50  # drawn by a worker before it reports progress
ONE_PROCESS_UP_TO = 400  # images; with fewer, starting workers takes longer than drawing


def file_names(products: Sequence[AnyProduct], layout: str) -> list[str]:
    """Return the names of all tables and images of a layout, relative to the sample's folder."""
    images = [f"{IMAGE_FOLDERS[layout][p.split]}/{p.image_name}" for p in products]
    return [*TABLE_NAMES[layout], *HIDDEN_NAMES, *images]


def write_tables(products: Sequence, root: Path, layout: str) -> None:
    """Write all text files of a layout, and the hidden labels; the products are of the layout's kind."""
    (root / "hidden").mkdir(exist_ok=True)
    WRITERS[layout](products, root)


def _write_hidden(products: Sequence[Product], root: Path) -> None:
    true_codes = [(p.integer_id, p.code) for p in products if p.split != "train"]
    write_csv(root / "hidden" / "y_test.csv", ("Integer_id", "Prdtypecode"), true_codes)
    noise = [(p.integer_id, p.label, p.code) for p in products if p.label != p.code]
    write_csv(root / "hidden" / "label_noise.csv", ("Integer_id", "given", "true"), noise)


def _write_sigir(products: Sequence[Product], root: Path) -> None:
    _write_hidden(products, root)
    header = ("Integer_id", "Title", "Description", "Image_id", "Product_id")
    names = {"train": "X_train", "phase1": "x_test_task1_phase1", "phase2": "x_test_task1_phase2"}
    for split, name in names.items():
        rows = [(p.integer_id, p.title, p.description, p.image_id, p.product_id) for p in products if p.split == split]
        write_tsv(root / f"{name}.tsv", header, rows)
    labels = [(p.integer_id, p.image_id, p.product_id, p.label) for p in products if p.split == "train"]
    write_tsv(root / "Y_train.tsv", ("Integer_id", "Image_id", "Product_id", "Prdtypecode"), labels)


def _write_ens(products: Sequence[Product], root: Path) -> None:
    _write_hidden(products, root)
    header = ("", "designation", "description", "productid", "imageid")
    for name, is_train in (("X_train_update", True), ("X_test_update", False)):
        chosen = [p for p in products if (p.split == "train") == is_train]
        rows = [(p.integer_id, p.title, p.description, p.product_id, p.image_id) for p in chosen]
        write_csv(root / f"{name}.csv", header, rows)
    labels = [(p.integer_id, p.label) for p in products if p.split == "train"]
    write_csv(root / "Y_train_CVw08PX.csv", ("", "prdtypecode"), labels)


def _write_several(products: Sequence[ProductOfSeveral], root: Path) -> None:
    header = ("id", "title", "description", "image_path")
    folders = IMAGE_FOLDERS["table"]
    rows = {p.id: (p.id, p.title, p.description, f"{folders[p.split]}/{p.image_name}") for p in products}
    given = {p.id: SEPARATOR.join(p.labels) for p in products}
    true = {p.id: SEPARATOR.join(p.truth) for p in products}
    train, test = ([p.id for p in products if p.split == split] for split in ("train", "test"))
    write_csv(root / "products.csv", (*header, "label"), [(*rows[i], given[i]) for i in train])
    write_csv(root / "test_products.csv", header, [rows[i] for i in test])
    write_csv(root / "hidden" / "y_test.csv", ("id", "label"), [(i, true[i]) for i in test])
    noise = [(i, given[i], true[i]) for i in train if given[i] != true[i]]
    write_csv(root / "hidden" / "label_noise.csv", ("id", "given", "true"), noise)


WRITERS: dict[str, Callable[[Sequence, Path], None]] = {
    "sigir": _write_sigir, "ens": _write_ens, "table": _write_several,
}  # fmt: skip


def write_tsv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a tab-separated table without quoting, as the challenge does: a quote in a cell is text."""
    lines = ["\t".join(str(cell) for cell in row) for row in (header, *rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def write_images(
    products: Sequence[AnyProduct], root: Path, layout: str, *, seed: int, size: int, workers: int | None = None
) -> None:
    """Draw every product's image; `workers` (by default one per core) changes only the time it takes."""
    folders = IMAGE_FOLDERS[layout]
    for folder in folders.values():
        (root / folder).mkdir(parents=True, exist_ok=True)
    tasks = [(p, root / folders[p.split] / p.image_name) for p in products]
    batches = [
        (tasks[start : start + IMAGES_PER_BATCH], SAVE_IMAGE[layout], seed, size)
        for start in range(0, len(tasks), IMAGES_PER_BATCH)
    ]
    if workers is None:
        workers = 1 if len(tasks) <= ONE_PROCESS_UP_TO else os.cpu_count() or 1
    with Bar(total=len(tasks), desc="drawing the sample", unit="image") as progress:
        for count in _run(batches, workers):
            progress.update(count)


def _run(batches: list[tuple], workers: int) -> Iterator[int]:
    if workers == 1:
        yield from map(_save_batch, batches)
        return
    # Spawned, because a process that has started threads (OpenCV, torch) must not be forked.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_start_worker) as pool:
        # Workers inherit the mask: only the parent handles Ctrl-C.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        counts = pool.map(_save_batch, batches)  # starts the workers
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        yield from counts


def _start_worker() -> None:
    use_one_thread()
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """End this worker when its parent is killed, so that it does not write into a folder that is drawn again."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _save_batch(batch: tuple[list[tuple[AnyProduct, Path]], Callable[..., None], int, int]) -> int:
    tasks, save, seed, size = batch
    for product, path in tasks:
        save(product, path, seed=seed, size=size)
    return len(tasks)
