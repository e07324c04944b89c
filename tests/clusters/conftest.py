"""An exported model and new products for the clusters."""

from pathlib import Path

import pandas as pd
import pytest
from helpers.clusters import new_products
from helpers.probes import make_exported_shop
from helpers.workspace import Workspace

from latefusion import Predictor


class Shop:
    """Folders and files that all workers see; tests must not change them."""

    def __init__(self, folder: Path):
        make_exported_shop(Workspace(folder))
        self.model, self.images, self.products = folder / "models/tiny", folder / "new", folder / "new.parquet"
        self.table: pd.DataFrame = new_products(self.images)
        self.table.to_parquet(self.products)
        self.expected = Predictor.load(self.model).predict(self.table, self.images)


@pytest.fixture(scope="session")
def shop(tmp_path_factory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))
