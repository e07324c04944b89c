"""Text as the transformer reads it: paired, encoded once, padded."""

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sentencepiece  # noqa: F401 (its import warns under some Pythons: here is where that would show)
import torch
from pydantic import ValidationError

from latefusion.config import ScratchEncoder, Split, TransformerExpert
from latefusion.experts.text import tokens
from latefusion.experts.text.fields import require_texts
from latefusion.experts.text.scratch_encoder import learn_tokenizer
from latefusion.experts.text.tokens import TextDataset, collate, encode, open_tokens, read_pairs
from latefusion.experts.without_text import fill, frequencies
from latefusion.tables.dataset import Dataset
from latefusion.utils.errors import InputError


@pytest.fixture(scope="module")
def products():
    titles = [f"Lampe de salon {colour} {size} cm" for colour in ("rouge", "verte", "bleue") for size in range(20)]
    descriptions = [None if number % 3 == 0 else f"Belle lampe n {number}" for number in range(len(titles))]
    return pd.DataFrame({"title": titles, "description": descriptions}, index=[str(n) for n in range(len(titles))])


@pytest.fixture(scope="module")
def expert():
    return TransformerExpert(kind="transformer", scratch=ScratchEncoder(vocab_size=200), max_length=16)


@pytest.fixture(scope="module")
def tokenizer(products, expert, tmp_path_factory):
    return learn_tokenizer(products, expert, tmp_path_factory.mktemp("tokenizer"))


def test_a_learnt_vocabulary_covers_its_texts(tokenizer, products):
    for title in products["title"]:
        ids = tokenizer(title)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == title


def test_pairs_follow_the_products_order_and_a_missing_description_leaves_the_title_alone(tokenizer, products, expert):
    for row, encoding in enumerate(encode(tokenizer, read_pairs(tokenizer, products, expert), expert.max_length)):
        separators = encoding["input_ids"].count(tokenizer.sep_token_id)
        has_description = isinstance(products["description"].iloc[row], str)
        assert separators == (3 if has_description else 1)
        whole = tokenizer(products["title"].iloc[row])["input_ids"]
        assert encoding["input_ids"][:4] == whole[:4]
        assert len(encoding["input_ids"]) <= expert.max_length


def test_the_published_stand_in_for_a_missing_description_is_an_attended_pad(tokenizer, products, expert):
    published = expert.model_copy(update={"missing_description": "pad_token"})
    encoding = encode(tokenizer, read_pairs(tokenizer, products[:1], published), expert.max_length)[0]
    assert encoding["input_ids"][-2:] == [tokenizer.pad_token_id, tokenizer.sep_token_id]
    assert collate([encoding], tokenizer.pad_token_id)["attention_mask"].all()


def test_a_batch_is_padded_to_its_longest(tokenizer, products, expert):
    items = encode(tokenizer, read_pairs(tokenizer, products[:5], expert), expert.max_length)
    batch = collate(items, tokenizer.pad_token_id)
    lengths = torch.tensor([len(item["input_ids"]) for item in items])
    assert batch["input_ids"].shape == (5, lengths.max())
    assert torch.equal(batch["attention_mask"].sum(dim=1), lengths)
    assert (batch["input_ids"][batch["attention_mask"] == 0] == tokenizer.pad_token_id).all()


def test_texts_are_encoded_once(tokenizer, products, expert, tmp_path, monkeypatch):
    first = open_tokens(tokenizer, products, expert, tmp_path)
    monkeypatch.setattr(tokens, "encode", None)  # a second encoding would fail
    again = open_tokens(tokenizer, products, expert, tmp_path)
    assert np.array_equal(first.tokens["input_ids"], again.tokens["input_ids"])
    assert len(list(tmp_path.iterdir())) == 1


def test_two_jobs_may_encode_the_same_texts_at_once(tokenizer, products, expert, tmp_path, monkeypatch):
    """The second finishes while the first is still encoding."""
    real, calls = tokens._encode_to, []

    def encode_with_a_rival(*arguments):
        calls.append(None)
        if len(calls) == 1:
            open_tokens(tokenizer, products, expert, tmp_path)
        real(*arguments)

    monkeypatch.setattr(tokens, "_encode_to", encode_with_a_rival)
    store = open_tokens(tokenizer, products, expert, tmp_path)
    assert len(calls) == 2
    assert len(list(tmp_path.iterdir())) == 1
    assert len(store.offsets) == len(products) + 1


def test_what_changes_the_tokens_makes_a_new_cache(tokenizer, products, expert, tmp_path):
    open_tokens(tokenizer, products, expert, tmp_path)
    for changed in (
        (products.assign(title="Autre"), expert),
        (products.rename(index={"0": "zero"}), expert),
        (products, expert.model_copy(update={"max_length": 12})),
        (products.assign(title="l&#39;eau"), expert.model_copy(update={"cleaning": "published"})),
        (products, expert.model_copy(update={"missing_description": "pad_token"})),
        (products, expert.model_copy(update={"reads": "title"})),
        (products, expert.model_copy(update={"reads": "description"})),
    ):
        known = set(tmp_path.iterdir())
        open_tokens(tokenizer, *changed, tmp_path)
        assert len(set(tmp_path.iterdir()) - known) == 1


def test_another_tokenizer_makes_a_new_cache(tokenizer, products, expert, tmp_path, tmp_path_factory):
    open_tokens(tokenizer, products, expert, tmp_path)
    shouted = products.assign(title=products["title"].str.upper())
    others = [learn_tokenizer(shouted, expert, tmp_path_factory.mktemp("other")), *map(copy.deepcopy, [tokenizer] * 2)]
    others[1].truncation_side = "left"
    others[2].model_input_names = ["input_ids"]
    for number, other in enumerate(others):
        open_tokens(other, products, expert, tmp_path)
        assert len(list(tmp_path.iterdir())) == number + 2


def test_a_dataset_gives_its_products_in_their_order(tokenizer, products, expert, tmp_path):
    store = open_tokens(tokenizer, products, expert, tmp_path)
    chosen = products.iloc[[7, 3, 50]]
    dataset = TextDataset(store, chosen, np.array([2, 0, 1]))
    expected = encode(tokenizer, read_pairs(tokenizer, chosen, expert), expert.max_length)
    for index, encoding in enumerate(expected):
        item = dataset[(index, 0)]
        assert item["input_ids"].tolist() == encoding["input_ids"]
        assert item["labels"] == [2, 0, 1][index]
    assert dataset.lengths.tolist() == [len(encoding["input_ids"]) for encoding in expected]


def test_an_expert_that_reads_one_text_reads_it_alone(tokenizer, products, expert, tmp_path):
    for reads, texts in (("title", products["title"]), ("description", products["description"].fillna(""))):
        one = expert.model_copy(update={"reads": reads})
        store = open_tokens(tokenizer, products, one, tmp_path)
        dataset = TextDataset(store, products)
        for row in (0, 1, 5):  # the first has no description
            ids = tokenizer(texts.iloc[row], truncation=True, max_length=expert.max_length)["input_ids"]
            assert dataset[row]["input_ids"].tolist() == ids
        without = products[products["description"].isna()]
        batch = TextDataset(store, without)
        collated = collate([batch[row] for row in range(len(without))], tokenizer.pad_token_id)
        assert collated["attention_mask"].any(dim=1).all()  # an empty text has special tokens


def test_a_vocabulary_is_learnt_from_what_is_read(products, expert, tmp_path):
    described = learn_tokenizer(products, expert.model_copy(update={"reads": "description"}), tmp_path)
    assert described.unk_token_id not in described("Belle lampe n 7")["input_ids"]
    assert described.unk_token_id in described("rouge")["input_ids"]


def test_training_products_without_the_text_that_is_read_are_refused(products, expert, tmp_path):
    without = products.assign(description=None)
    with pytest.raises(InputError, match="no training product has a description to learn from"):
        learn_tokenizer(without, expert.model_copy(update={"reads": "description"}), tmp_path)
    require_texts(without, expert)


def test_a_stand_in_for_descriptions_is_only_for_experts_that_read_both():
    with pytest.raises(ValidationError, match="missing_description: pad_token is not for reads: title"):
        TransformerExpert(kind="transformer", model="bert", reads="title", missing_description="pad_token")


@pytest.mark.parametrize("several", [False, True])
def test_products_without_the_only_text_have_the_frequencies_of_such_products(several):
    """Of 90 training products 30 have no description: 27 of class a, 3 of class b. Ids `v` are not trained on."""
    labels = ["a"] * 27 + ["b"] * 33 + ["c"] * 30
    if several:
        labels = ["a\nc" if label == "a" else label for label in labels]
    texts = [None] * 30 + ["text"] * 60
    table = pd.DataFrame({"title": "t", "description": texts, "label": labels, "split": "train"})
    valid = pd.DataFrame({"title": "t", "description": [None, " ", "text"], "label": "c", "split": "valid"})
    dataset = Dataset(pd.concat([table, valid], ignore_index=True), ["a", "b", "c"], Split(), several)
    shares = frequencies(dataset, "description")
    if several:  # each class: its products and three of the frequency among all, with Laplace's rule
        of_all = np.array([28, 34, 58]) / 92
        assert shares == pytest.approx((np.array([27, 3, 27]) + 3 * of_all) / 33)
    else:
        of_all = np.array([28, 34, 31]) / 93
        assert shares == pytest.approx((np.array([27, 3, 0]) + 3 * of_all) / 33)
        assert shares.sum() == pytest.approx(1)
    everywhere = frequencies(replace(dataset, products=dataset.products.assign(description="text")), "description")
    assert everywhere == pytest.approx(of_all)
    probs = np.full((3, 3), 1 / 3, np.float32)
    filled = fill(probs, valid, "description", shares)
    assert filled.dtype == np.float32
    np.testing.assert_allclose(filled, [shares, shares, probs[2]], rtol=1e-6)
