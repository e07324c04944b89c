"""Save NumPy arrays as safetensors files, written atomically; `utils.weights` does the same for torch."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from latefusion.utils.files import atomic_write, usual_mode


def save_arrays(arrays: dict[str, np.ndarray], path: Path) -> None:
    """Write arrays by name, with the file permissions that the umask gives."""
    with atomic_write(path) as partial:
        mode = usual_mode(partial)
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, partial)
        partial.chmod(mode)
