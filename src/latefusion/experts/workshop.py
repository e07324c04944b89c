"""What the experts of one script share."""

from functools import cached_property
from pathlib import Path

from latefusion.config import Experiment
from latefusion.images import ImageStore
from latefusion.prepare import Prepared, cached_images, load_prepared
from latefusion.training.loop import make_accelerator


class Workshop:
    """The experiment, its prepared products and pictures, the accelerator; opened when first needed."""

    def __init__(self, experiment: Experiment):
        self.experiment = experiment
        self.accelerator = make_accelerator(experiment.hardware)

    @cached_property
    def prepared(self) -> Prepared:
        return load_prepared(self.experiment)

    @cached_property
    def images(self) -> ImageStore:
        with self.accelerator.main_process_first():
            return cached_images(self.experiment, self.prepared.products)

    def run_dir(self, name: str) -> Path:
        return self.experiment.run_root / name
