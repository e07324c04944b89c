"""Text as the experts read it: cleaned, paired, padded."""

import numpy as np
import pandas as pd
import pytest
import sentencepiece  # noqa: F401 (its import warns under some Pythons: here is where that would show)
import torch

from latefusion.cleaning import clean
from latefusion.config import ScratchEncoder, TfidfExpert, TransformerExpert
from latefusion.experts.tfidf import TfidfClassifier, texts
from latefusion.experts.tokens import collate, encode
from latefusion.experts.transformer import learn_tokenizer


@pytest.mark.parametrize(
    ("text", "decoded", "published"),
    [
        ("l&#39;eau", "l'eau", "l eau"),
        ("caf&eacute;  noir", "café noir", "caf noir"),
        ("a<br/>b<p class='x'>c</p>", "a b c", "a b c"),
        ("5 &lt; 7 &amp; 3", "5 < 7 & 3", "5 7 3"),
        ("age < 6 ans, poids > 2 kg", "age < 6 ans, poids > 2 kg", "age < 6 ans, poids > 2 kg"),
        ("R&D 3 < 4", "R&D 3 < 4", "R&D 3 < 4"),
        ("un&nbsp;deux\t\ntrois", "un deux trois", "un deux trois"),
        ("null", "null", "null"),
        ("", "", ""),
    ],
)
def test_cleaning(text, decoded, published):
    assert clean(text) == decoded
    assert clean(text, "published") == published


@pytest.fixture(scope="module")
def products():
    titles = [f"Lampe de salon {colour} {size} cm" for colour in ("rouge", "verte", "bleue") for size in range(20)]
    descriptions = [None if place % 3 == 0 else f"Belle lampe n {place}" for place in range(len(titles))]
    return pd.DataFrame({"title": titles, "description": descriptions}, index=[str(n) for n in range(len(titles))])


@pytest.fixture(scope="module")
def expert():
    return TransformerExpert(kind="transformer", scratch=ScratchEncoder(vocab_size=200), max_length=16)


@pytest.fixture(scope="module")
def tokenizer(products, expert, tmp_path_factory):
    return learn_tokenizer(products, expert, tmp_path_factory.mktemp("tokenizer"))


def test_a_learnt_vocabulary_knows_its_texts(tokenizer, products):
    for title in products["title"]:
        ids = tokenizer(title)["input_ids"]
        assert tokenizer.unk_token_id not in ids
        assert tokenizer.decode(ids, skip_special_tokens=True) == title


def test_pairs_follow_the_products_order_and_a_missing_description_leaves_the_title_alone(tokenizer, products, expert):
    for row, encoding in enumerate(encode(tokenizer, products, expert)):
        separators = encoding["input_ids"].count(tokenizer.sep_token_id)
        has_description = isinstance(products["description"].iloc[row], str)
        assert separators == (3 if has_description else 1)
        whole = tokenizer(products["title"].iloc[row])["input_ids"]
        assert encoding["input_ids"][:4] == whole[:4]
        assert len(encoding["input_ids"]) <= expert.max_length


def test_the_published_stand_in_for_a_missing_description_is_an_attended_pad(tokenizer, products, expert):
    published = expert.model_copy(update={"missing_description": "pad_token"})
    encoding = encode(tokenizer, products[:1], published)[0]
    assert encoding["input_ids"][-2:] == [tokenizer.pad_token_id, tokenizer.sep_token_id]
    assert collate([encoding], tokenizer.pad_token_id)["attention_mask"].all()


def test_a_batch_is_padded_to_its_longest(tokenizer, products, expert):
    items = encode(tokenizer, products[:5], expert)
    batch = collate(items, tokenizer.pad_token_id)
    lengths = torch.tensor([len(item["input_ids"]) for item in items])
    assert batch["input_ids"].shape == (5, lengths.max())
    assert torch.equal(batch["attention_mask"].sum(dim=1), lengths)
    assert (batch["input_ids"][batch["attention_mask"] == 0] == tokenizer.pad_token_id).all()


def test_tfidf_reads_title_and_description(products):
    expert = TfidfExpert(kind="tfidf")
    colours = np.repeat([0, 1, 2], 20)
    model = TfidfClassifier(expert).fit(texts(products, expert), colours)
    assert (model.predict_proba(texts(products, expert)).argmax(axis=1) == colours).all()
    assert texts(products[1:2], expert) == ["Lampe de salon rouge 1 cm Belle lampe n 1"]
