"""Pass an InputError from a loader's worker process to the main process unchanged.

torch would replace the message by the worker's traceback. Here the error is returned as data instead of raised: by the
dataset in place of an item, then by the collate function in place of the batch. The loader raises it.
"""

from collections.abc import Callable, Iterator

from torch.utils.data import DataLoader, Dataset

from latefusion.utils.errors import InputError


class ErrorPassingDataset(Dataset):
    """A dataset that returns an InputError in place of the item that raised it."""

    def __init__(self, dataset: Dataset):
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: object) -> object:
        try:
            return self.dataset[key]
        except InputError as error:
            return error


class ErrorPassingCollate:
    """A collate function that returns the first InputError among the items, if there is one."""

    def __init__(self, collate: Callable[[list], dict]):
        self.collate = collate

    def __call__(self, items: list) -> dict | InputError:
        return next((item for item in items if isinstance(item, InputError)), None) or self.collate(items)


class ErrorPassingLoader(DataLoader):
    """A DataLoader that raises an InputError of its dataset unchanged, from workers and the main process alike."""

    def __init__(self, dataset: Dataset, *, collate_fn: Callable[[list], dict], **settings):
        super().__init__(ErrorPassingDataset(dataset), collate_fn=ErrorPassingCollate(collate_fn), **settings)

    def __iter__(self) -> Iterator[dict]:
        for batch in super().__iter__():
            if isinstance(batch, InputError):
                raise batch
            yield batch
