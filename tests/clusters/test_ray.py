"""Prediction with Ray Data, on a cluster of two nodes on this machine."""

import runpy

import pandas as pd
import pytest
from helpers.clusters import assert_same
from helpers.workspace import REPOSITORY

from latefusion import BatchPredictor

ray = pytest.importorskip("ray", reason="ray is not installed: make test-clusters")
pytestmark = [
    pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning:ray.data.context"),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index:DeprecationWarning"),
]
EXAMPLE = REPOSITORY / "docs/examples/ray_predict.py"


@pytest.fixture(scope="module", autouse=True)
def cluster(shop):
    """Two nodes with three cores each, so that one is left for reading; their workers import latefusion from here."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 3})
    cluster.add_node(num_cpus=3)
    ray.init(address=cluster.address, runtime_env={"env_vars": {"PYTHONPATH": str(REPOSITORY / "src")}})
    assert len(ray.nodes()) == 2
    yield
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture
def example(shop):
    return runpy.run_path(str(EXAMPLE))["predict"]


def test_two_nodes_predict_as_one_process_does(shop, example, tmp_path):
    example(shop.model, shop.products, shop.images, tmp_path / "out", workers=2, batch_size=7)
    assert_same(pd.read_parquet(tmp_path / "out"), shop.expected)


def test_both_nodes_predict(shop):
    class Where(BatchPredictor):  # in the function: the workers cannot import this module
        """Adds the node that predicted."""

        def __call__(self, batch):
            return super().__call__(batch).assign(node=ray.get_runtime_context().get_node_id())

    table = ray.data.from_pandas(shop.table).repartition(6)
    predicted = table.map_batches(
        Where,
        fn_constructor_args=(shop.model, shop.images),
        batch_format="pandas",
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=2,  # no node has room for two
    ).to_pandas()
    assert predicted["node"].nunique() == 2
    assert_same(predicted.drop(columns="node"), shop.expected)


def test_a_csv_file_and_batches_without_rows(shop, example, tmp_path):
    shop.table[["id", "title"]].iloc[:20].to_csv(tmp_path / "new.csv", index=False)
    example(shop.model, tmp_path / "new.csv", None, tmp_path / "out", workers=1, batch_size=1000)
    assert len(pd.read_parquet(tmp_path / "out")) == 20
    empty = ray.data.from_pandas([shop.table[:0], shop.table[:5], shop.table[:0]]).map_batches(
        BatchPredictor, fn_constructor_args=(shop.model, shop.images), batch_format="pandas",
        compute=ray.data.ActorPoolStrategy(size=1), num_cpus=1,
    )  # fmt: skip
    assert sorted(empty.to_pandas()["id"]) == sorted(shop.table["id"][:5])


def test_a_refusal_reaches_the_user(shop, example, tmp_path):
    shop.table.drop(columns="id").to_parquet(tmp_path / "new.parquet")
    with pytest.raises(ray.exceptions.RayError, match="no column 'id' among title, image"):
        example(shop.model, tmp_path / "new.parquet", shop.images, tmp_path / "out", workers=1, batch_size=1000)
