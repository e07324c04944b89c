"""The sample catalogue: deterministic, complete, honest about its noise, in both of the challenge's layouts."""

import csv
import json
import shutil
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import pandas as pd
import pytest

from latefusion.config import SampleConfig
from latefusion.utils.errors import InputError
from sample_catalogue import draw_sample
from sample_catalogue import write as sample_write
from sample_catalogue.drawings import DRAWINGS
from sample_catalogue.phrases import FAMILY_OF
from sample_catalogue.plan import LOOK_GROUP_OF, Product, plan_products, share_out
from sample_catalogue.vocabulary import NOUNS, OFFICIAL_COUNTS

SMALL = SampleConfig(products=240, seed=7, image_size=96)
SIGIR_PRODUCTS = ("X_train", "x_test_task1_phase1", "x_test_task1_phase2")


@pytest.fixture(scope="module")
def sigir(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sigir") / "sample"
    assert draw_sample(SMALL, layout="sigir", root=root)
    return root


@pytest.fixture(scope="module")
def ens(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("ens") / "sample"
    assert draw_sample(SMALL, layout="ens", root=root)
    return root


@pytest.fixture(scope="module")
def many() -> list[Product]:
    return plan_products(SampleConfig(products=2000))


def read_tsv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=csv.QUOTE_NONE)


def read_csv(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def read_sigir_products(root: Path) -> pd.DataFrame:
    return pd.concat([read_tsv(root / f"{name}.tsv") for name in SIGIR_PRODUCTS])


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_the_same_seed_gives_the_same_bytes(sigir, tmp_path):
    draw_sample(SMALL, layout="sigir", root=tmp_path)
    assert contents(tmp_path) == contents(sigir)


def test_another_seed_gives_other_products(sigir):
    other = plan_products(SampleConfig(products=240, seed=8, image_size=96))
    titles = set(read_sigir_products(sigir)["Title"])
    assert len(titles & {product.title for product in other}) < 10


def test_headers_and_files_are_those_of_the_sigir_challenge(sigir):
    headers = {path.name: path.read_text(encoding="utf-8").split("\n")[0] for path in sigir.glob("*.tsv")}
    products = "Integer_id\tTitle\tDescription\tImage_id\tProduct_id"
    assert headers == {
        "X_train.tsv": products,
        "x_test_task1_phase1.tsv": products,
        "x_test_task1_phase2.tsv": products,
        "Y_train.tsv": "Integer_id\tImage_id\tProduct_id\tPrdtypecode",
    }


def test_headers_and_files_are_those_of_the_ens_challenge(ens):
    headers = {path.name: path.read_text(encoding="utf-8").split("\n")[0] for path in ens.glob("*.csv")}
    products = ",designation,description,productid,imageid"
    assert headers == {
        "X_train_update.csv": products,
        "X_test_update.csv": products,
        "Y_train_CVw08PX.csv": ",prdtypecode",
    }


def test_splits_have_their_sizes_and_ids_count_through(sigir):
    sizes = [len(read_tsv(sigir / f"{name}.tsv")) for name in SIGIR_PRODUCTS]
    assert sizes == [192, 5, 43]
    assert list(read_sigir_products(sigir)["Integer_id"]) == [str(i) for i in range(240)]


def test_every_product_has_an_image_of_the_asked_size(sigir):
    train = read_tsv(sigir / "X_train.tsv")
    names = "image_" + train["Image_id"] + "_product_" + train["Product_id"] + ".jpg"
    assert set(names) == {path.name for path in (sigir / "image_training").iterdir()}
    assert len(list((sigir / "image_test").iterdir())) == 48
    assert cv2.imread(str(sigir / "image_training" / names[0])).shape == (96, 96, 3)


def test_both_layouts_hold_the_same_products(sigir, ens):
    ours = read_sigir_products(sigir).set_index("Integer_id")
    theirs = pd.concat([read_csv(ens / "X_train_update.csv"), read_csv(ens / "X_test_update.csv")])
    theirs = theirs.set_index(theirs.columns[0])[["designation", "description", "imageid", "productid"]]
    assert ours.to_numpy().tolist() == theirs.to_numpy().tolist()
    assert list(ours.index) == list(theirs.index)
    labels = read_tsv(sigir / "Y_train.tsv")["Prdtypecode"]
    assert list(labels) == list(read_csv(ens / "Y_train_CVw08PX.csv")["prdtypecode"])
    for here, there in (("image_training", "image_train"), ("image_test", "image_test"), ("hidden", "../hidden")):
        assert contents(sigir / here) == contents((ens / "images" / there).resolve())


def test_codes_have_the_official_proportions():
    assert share_out(84_916) == OFFICIAL_COUNTS
    assert sum(share_out(1000).values()) == 1000
    assert min(share_out(27).values()) == 1
    assert sum(share_out(5).values()) == 5
    products = plan_products(SMALL)
    assert Counter(p.code for p in products if p.split == "train") == share_out(192)


def test_label_noise_is_exact_and_recorded(sigir):
    noise = read_csv(sigir / "hidden" / "label_noise.csv")
    given = read_tsv(sigir / "Y_train.tsv").set_index("Integer_id")["Prdtypecode"]
    assert len(noise) == round(0.05 * 192)
    assert (noise["given"] != noise["true"]).all()
    assert list(given[noise["Integer_id"]]) == list(noise["given"])
    true = {str(p.integer_id): str(p.code) for p in plan_products(SMALL)}
    clean = given.drop(noise["Integer_id"])
    assert all(true[i] == label for i, label in clean.items())


def test_hidden_test_labels_are_true(sigir):
    hidden = read_csv(sigir / "hidden" / "y_test.csv")
    expected = [(str(p.integer_id), str(p.code)) for p in plan_products(SMALL) if p.split != "train"]
    assert list(hidden.columns) == ["Integer_id", "Prdtypecode"]
    assert list(hidden.itertuples(index=False, name=None)) == expected


def test_parameters_do_not_disturb_each_other():
    quiet = plan_products(SMALL.model_copy(update={"label_noise": 0.0, "missing_descriptions": 0.0}))
    noisy = plan_products(SMALL)
    assert all(p.label == p.code and p.description for p in quiet)
    for quiet_one, noisy_one in zip(quiet, noisy, strict=True):
        assert replace(noisy_one, label=quiet_one.label, description=quiet_one.description) == quiet_one


def test_the_asked_share_of_descriptions_is_missing(many):
    missing = [p.description for p in many if p.description in ("", "NaN")]
    assert len(missing) == round(0.351 * 2000)
    assert 0 < missing.count("NaN") < 0.1 * len(missing)


def test_texts_read_like_the_challenges(many):
    titles = [p.title for p in many if len(p.title) > 4]
    descriptions = [p.description for p in many if p.description not in ("", "NaN")]
    assert all(11 <= len(title) <= 250 for title in titles)
    assert 9 <= pd.Series(titles).str.split().str.len().median() <= 13
    lengths = pd.Series(descriptions).str.split().str.len()
    assert 28 <= lengths.median() <= 42
    assert lengths.max() > 300
    for piece in ("<br/>", "<li>", "&#39;", "&eacute;", "&nbsp;", "&amp;", "Ã©"):
        assert any(piece in description for description in descriptions), piece


def test_odd_titles_and_quotes_survive_reading(sigir, ens):
    planned = [p.title for p in plan_products(SMALL)]
    assert {"NA", "null"} <= set(planned)
    assert any('"' in title for title in planned)
    assert list(read_sigir_products(sigir)["Title"]) == planned
    theirs = [read_csv(ens / f"{name}.csv")["designation"] for name in ("X_train_update", "X_test_update")]
    assert list(pd.concat(theirs)) == planned


def test_every_code_has_words_drawings_and_neighbours():
    for table in (NOUNS, DRAWINGS, FAMILY_OF, LOOK_GROUP_OF):
        assert set(table) == set(OFFICIAL_COUNTS)
    for code in OFFICIAL_COUNTS:
        assert 10 <= len(NOUNS[code].french) <= 25
        assert len(FAMILY_OF[code].codes) > 1
        assert len(LOOK_GROUP_OF[code]) > 1


def test_a_complete_sample_is_not_drawn_again(sigir):
    before = (sigir / "sample.json").stat().st_mtime_ns
    assert not draw_sample(SMALL, layout="sigir", root=sigir)
    assert (sigir / "sample.json").stat().st_mtime_ns == before


def test_other_parameters_or_layout_are_drawn_anew(ens, tmp_path):
    draw_sample(SMALL.model_copy(update={"seed": 1}), layout="sigir", root=tmp_path)
    assert draw_sample(SMALL, layout="ens", root=tmp_path)
    assert contents(tmp_path) == contents(ens)
    assert json.loads((tmp_path / "sample.json").read_text())["layout"] == "ens"


def test_an_interrupted_drawing_is_drawn_anew(sigir, tmp_path, monkeypatch):
    def stop(batch):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sample_write, "_save_batch", stop)
        with pytest.raises(KeyboardInterrupt):
            draw_sample(SMALL, layout="sigir", root=tmp_path)
    assert not json.loads((tmp_path / "sample.json").read_text())["complete"]
    half = next((sigir / "image_training").iterdir()).name
    (tmp_path / "image_training" / half).write_bytes(b"half an image")
    assert draw_sample(SMALL, layout="sigir", root=tmp_path)
    assert contents(tmp_path) == contents(sigir)


def refuses(root: Path, sample: SampleConfig, *names: str) -> None:
    """The sample is refused, the files are named, and all is left as it is."""
    before = contents(root)
    with pytest.raises(InputError, match="did not write") as caught:
        draw_sample(sample, layout="sigir", root=root)
    assert all(name in str(caught.value) for name in names)
    assert contents(root) == before


@pytest.fixture
def copied(sigir, tmp_path) -> Path:
    return Path(shutil.copytree(sigir, tmp_path / "copied"))


OTHER = SMALL.model_copy(update={"seed": 8})


@pytest.mark.parametrize("sample", [SMALL, OTHER], ids=["same", "other"])
def test_files_that_are_not_the_samples_are_never_touched(copied, sample):
    (copied / "X_train.tsv").write_text("Integer_id\tTitle\n0\tsomebody's own")
    image = next((copied / "image_training").iterdir())
    image.write_bytes(b"somebody's own")
    (copied / "image_test" / "mine.jpg").write_bytes(b"")
    (copied / "notes").mkdir()
    (copied / "notes" / "todo.txt").write_text("")
    image_name = f"image_training/{image.name}: changed"
    refuses(copied, sample, "X_train.tsv: changed", image_name, "image_test/mine.jpg: not", "notes/todo.txt: not")


def test_a_folder_of_images_that_is_a_link_is_not_followed(copied, tmp_path):
    (copied / "image_test").rename(tmp_path / "elsewhere")
    (copied / "image_test").symlink_to(tmp_path / "elsewhere")
    refuses(copied, OTHER, "image_test: not a file of the sample")
    assert len(list((tmp_path / "elsewhere").iterdir())) == 48


def test_a_missing_image_is_drawn_again(sigir, copied):
    next((copied / "image_training").iterdir()).unlink()
    (copied / "image_training" / ".DS_Store").write_text("left by a file manager")
    assert draw_sample(SMALL, layout="sigir", root=copied)
    assert contents(copied) == contents(sigir)


def test_an_interrupted_drawing_may_hold_nothing_but_the_samples_files(copied):
    record = json.loads((copied / "sample.json").read_text())
    (copied / "sample.json").write_text(json.dumps(record | {"complete": False}))
    (copied / "image_training" / "mine.jpg").write_bytes(b"")
    refuses(copied, SMALL, "image_training/mine.jpg")
    (copied / "sample.json").unlink()  # as an earlier version left it
    refuses(copied, SMALL, "image_training/mine.jpg")
    (copied / "image_training" / "mine.jpg").unlink()
    assert draw_sample(SMALL, layout="sigir", root=copied)


def test_a_cut_between_two_samples_loses_neither_list(sigir, copied, monkeypatch):
    def cut(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("sample_catalogue.write_tables", cut)
        with pytest.raises(KeyboardInterrupt):
            draw_sample(OTHER, layout="sigir", root=copied)
    assert draw_sample(SMALL, layout="sigir", root=copied)
    assert contents(copied) == contents(sigir)


@pytest.mark.parametrize("record", ['{"drawing_version": 1}', '{"files": {"../a": 1}, "complete": true}', "[]", "{"])
def test_a_sample_whose_files_are_not_known_is_refused(copied, record):
    (copied / "sample.json").write_text(record)
    before = contents(copied)
    with pytest.raises(InputError, match="does not list the sample's files"):
        draw_sample(SMALL, layout="sigir", root=copied)
    assert contents(copied) == before


def test_two_drawings_at_once_wait_for_each_other(sigir, tmp_path):
    with ThreadPoolExecutor(2) as pool:  # a lock is the open folder's: threads wait as processes do
        drew = list(pool.map(lambda _: draw_sample(SMALL, layout="sigir", root=tmp_path / "shared"), range(2)))
    assert sorted(drew) == [False, True]
    assert contents(tmp_path / "shared") == contents(sigir)


def test_a_folder_of_others_is_refused_and_left_alone(tmp_path):
    (tmp_path / "X_train.tsv").write_text("somebody's own products")
    with pytest.raises(InputError, match="did not write"):
        draw_sample(SMALL, layout="sigir", root=tmp_path)
    assert contents(tmp_path) == {"X_train.tsv": b"somebody's own products"}


def test_a_file_or_an_unknown_layout_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        draw_sample(SMALL, layout="sigir", root=tmp_path / "file")
    with pytest.raises(InputError, match="choose one of: sigir, ens"):
        draw_sample(SMALL, layout="kaggle", root=tmp_path / "new")


def test_it_says_that_it_is_synthetic(sigir):
    assert (sigir / "README.txt").read_text(encoding="utf-8").startswith("SYNTHETIC SAMPLE CATALOGUE")
