"""What the experts of one script share."""

from functools import cached_property
from pathlib import Path

from latefusion.config import Experiment
from latefusion.images.cache import cached_images
from latefusion.images.store import ImageStore
from latefusion.tables.dataset import Dataset, read_dataset
from latefusion.training.loop import make_accelerator


class Context:
    """The experiment, dataset and images, the accelerator; opened when first needed."""

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self.accelerator = make_accelerator(experiment.hardware)

    @cached_property
    def dataset(self) -> Dataset:
        return read_dataset(self.experiment)

    @cached_property
    def images(self) -> ImageStore:
        with self.accelerator.main_process_first():
            return cached_images(self.experiment, self.dataset.products)

    def run_dir(self, name: str) -> Path:
        return self.experiment.run_root / name
