"""NumPy arrays: means over groups of rows; safetensors files, written atomically (`utils.weights`: those of torch)."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from latefusion.utils.files import atomic_write, usual_mode


def group_means(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return (N, F): the means over N groups of adjoining rows of (M, F) values; `counts` (N,) are their sizes."""
    if len(values) == len(counts):
        return values
    sums = np.add.reduceat(values, np.cumsum(counts) - counts, axis=0)
    return (sums / counts[:, None]).astype(values.dtype)


def save_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write arrays by name, with the file permissions that the umask gives."""
    with atomic_write(path) as partial:
        mode = usual_mode(partial)
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, partial)
        partial.chmod(mode)
