"""The text CNN: layers as published, words as described, given word vectors, and what an empty text does."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError

from latefusion.config import TextCnnExpert
from latefusion.experts.text.text_cnn import TextCnn, set_vectors
from latefusion.experts.text.word_vectors import check_size, read_vectors
from latefusion.experts.text.words import (
    PADDING,
    UNKNOWN,
    Vocabulary,
    WordDataset,
    collate,
    learn_vocabulary,
    read_words,
    split_words,
)
from latefusion.utils.errors import InputError


def text_cnn(**settings) -> TextCnnExpert:
    return TextCnnExpert(kind="text_cnn", **settings)


WALMART = text_cnn(reads="title", max_words=40)
AMAZON = {"filter_widths": [5], "filters": 200, "hidden_size": 170, "embedding_size": 300}
AMAZON_TITLE = text_cnn(reads="title", max_words=57, **AMAZON)
AMAZON_DESCRIPTION = text_cnn(reads="description", max_words=300, preprocessing="description", **AMAZON)


def shapes(model: TextCnn) -> dict[str, tuple[int, ...]]:
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


def test_the_network_of_zahavy_et_al_has_their_layers():
    """Words of 100 numbers; 128 filters of each of the widths 3, 4 and 5; dropout of a half; 2,890 shelves."""
    model = TextCnn(WALMART, 1000, 2890)
    assert shapes(model) == {
        "encoder.embedding.weight": (1000, 100),
        "encoder.convolutions.0.weight": (128, 100, 3),
        "encoder.convolutions.0.bias": (128,),
        "encoder.convolutions.1.weight": (128, 100, 4),
        "encoder.convolutions.1.bias": (128,),
        "encoder.convolutions.2.weight": (128, 100, 5),
        "encoder.convolutions.2.bias": (128,),
        "head.weight": (2890, 384),
        "head.bias": (2890,),
    }
    convolutions = 128 * (3 + 4 + 5) * 100 + 3 * 128
    assert convolutions == 153_984
    assert sum(one.numel() for one in model.parameters()) == 1000 * 100 + 153_984 + 384 * 2890 + 2890
    assert model.dropout.p == 0.5
    assert model(torch.ones(2, 40, dtype=torch.int64))["logits"].shape == (2, 2890)


def test_the_networks_of_wirojwatanakul_and_wangperawong_have_their_layers():
    """200 filters of width 5, global max pooling, 170 ReLU units, 122 classes; titles of 57, descriptions of 300."""
    for expert, words in ((AMAZON_TITLE, 57), (AMAZON_DESCRIPTION, 300)):
        model = TextCnn(expert, 10, 122)
        assert shapes(model) == {
            "encoder.embedding.weight": (10, 300),
            "encoder.convolutions.0.weight": (200, 300, 5),
            "encoder.convolutions.0.bias": (200,),
            "encoder.hidden.weight": (170, 200),
            "encoder.hidden.bias": (170,),
            "head.weight": (122, 170),
            "head.bias": (122,),
        }
        assert sum(one.numel() for one in model.parameters()) == 3_000 + 300_200 + 34_170 + 20_862
        numbers = torch.randint(10, (3, words))
        features = model.features(numbers)
        assert features.shape == (3, model.feature_size) == (3, 170)
        assert (features >= 0).all()
        torch.testing.assert_close(model.eval()(numbers)["logits"], model.head(features))


def test_features_are_the_maximum_over_all_windows():
    model = TextCnn(text_cnn(filter_widths=[2, 3], filters=4, embedding_size=6), 20, 3)
    numbers = torch.tensor([[5, 9, 2, 7, 3]])
    vectors = model.encoder.embedding(numbers)[0]  # (5, 6)
    expected = []
    for convolution, width in zip(model.encoder.convolutions, (2, 3), strict=True):
        windows = torch.stack([vectors[start : start + width].T.flatten() for start in range(5 - width + 1)])
        scores = windows @ convolution.weight.flatten(1).T + convolution.bias
        expected.append(scores.relu().max(dim=0).values)
    torch.testing.assert_close(model.features(numbers)[0], torch.cat(expected))


def products(titles: list[str], descriptions: list[str | None] | None = None) -> pd.DataFrame:
    descriptions = [None] * len(titles) if descriptions is None else descriptions
    table = pd.DataFrame({"title": titles, "description": descriptions}, index=[f"p{n}" for n in range(len(titles))])
    return table.astype("str")


def vocabulary_of(*texts: str, **settings) -> Vocabulary:
    return learn_vocabulary([text.split() for text in texts], text_cnn(**settings))


def test_padding_to_the_longest_of_a_batch_is_padding_to_the_longest_text():
    """As published, a text is padded to `max_words`; what is left out here changes no feature, whatever the batch."""
    expert = text_cnn(reads="title", max_words=12, filters=16, embedding_size=8)
    vocabulary = vocabulary_of("a b c d e f g")
    torch.manual_seed(0)
    model = TextCnn(expert, len(vocabulary), 2).eval()
    torch.nn.init.normal_(model.encoder.convolutions[0].bias)
    titles = ["", "a", "b c", "a b c d e f g a b c d", "a b c d e f g a b c d e f g"]
    dataset = WordDataset(vocabulary, products(titles), expert)
    for rows in ([0], [1], [0, 1], [2, 0], [3, 1], [4, 0, 2]):
        words = collate([dataset[row] for row in rows], expert)["words"]
        padded = torch.zeros(len(rows), 12, dtype=torch.int64)
        padded[:, : words.shape[1]] = words
        assert 5 <= words.shape[1] <= 12
        torch.testing.assert_close(model.features(words), model.features(padded))


def test_texts_are_cut_and_short_and_empty_ones_padded():
    expert = text_cnn(reads="title", max_words=5)
    vocabulary = vocabulary_of("one two three four five six")
    dataset = WordDataset(vocabulary, products(["one two three four five six", "two", ""]), expert, np.array([1, 0, 2]))
    items = [dataset[(index, 0)] for index in range(3)]
    assert [len(item["words"]) for item in items] == [5, 1, 0]
    assert dataset.lengths.tolist() == [5, 1, 1]
    batch = collate(items, expert)
    assert batch["words"].shape == (3, 5)
    assert batch["labels"].tolist() == [1, 0, 2]
    assert (batch["words"][2] == PADDING).all()
    alone = collate(items[2:], expert)["words"]
    assert alone.shape == (1, 5)
    assert TextCnn(expert, len(vocabulary), 3).eval()(alone)["probs"].isfinite().all()


@pytest.mark.parametrize("preprocessing", ["title", "description"])
def test_a_text_becomes_words(preprocessing):
    expert, words = text_cnn(preprocessing=preprocessing), "a" * 31
    found = split_words(f"The 12V  L\u2019Été-Lampe, isn't: 日本 ({words}) {'b' * 30} ไทย + हिन्दी", expert)
    thai = ["ไ", "ท", "ย"]
    if preprocessing == "title":
        assert found == [
            "the", "12v", "l", "été", "lampe", "isn", "t", "日", "本", words, "b" * 30, *thai, "हिन्दी",
        ]  # fmt: skip
    else:
        assert found == ["v", "l", "été", "lampe", "isn", "t", "日", "本", "b" * 30, *thai, "हिन्दी"]


def test_stop_words_are_a_list_of_ones_own_or_none(tmp_path):
    file = tmp_path / "stop.txt"
    file.write_text("le\nl'un\nÀ\n", encoding="utf-8")
    own = text_cnn(preprocessing="description", stop_words=str(file))
    assert own.stop_words == ("le", "l'un", "À")  # in the config itself: another list is another config
    assert split_words("le the l un à la", own) == ["the", "la"]
    file.unlink()
    again = TextCnnExpert.model_validate(json.loads(own.model_dump_json(exclude_unset=True)))
    assert again == own
    keeps_all = text_cnn(preprocessing="description", stop_words="none")
    assert split_words("le the l un", keeps_all) == ["le", "the", "l", "un"]
    with pytest.raises(ValidationError, match=r"stop.txt: not `english`, and no text file with a word per line"):
        text_cnn(preprocessing="description", stop_words=str(file))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_words": 4}, "max_words 4 is below 5, the largest filter width"),
        ({"stop_words": "english"}, "stop_words is only for preprocessing: description"),
        ({"train_vectors": False}, "train_vectors: false needs word_vectors"),
        ({"filter_widths": [3, 3]}, "should be different widths"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        text_cnn(**settings)


def test_a_vocabulary_is_the_most_frequent_words_and_is_read_as_it_was_written(tmp_path):
    texts = ["null b a", "b a nan", "b c", "a b"]
    vocabulary = vocabulary_of(*texts, min_count=1, max_vocabulary=3)
    assert vocabulary.words == ("b", "a", "c")
    assert vocabulary.unknown == 2
    assert vocabulary_of(*texts, min_count=2).words == ("b", "a")
    everything = vocabulary_of(*texts)
    assert set(everything.words) == {"a", "b", "c", "nan", "null"}
    everything.save(tmp_path / "vocabulary.tsv", np.array([True, False, True, False, False]))
    lines = (tmp_path / "vocabulary.tsv").read_text().splitlines()
    assert lines[:4] == ["word\tcount\tcovered", "<padding>\t0\tFalse", "<unknown>\t0\tFalse", "b\t4\tTrue"]
    loaded = Vocabulary.load(tmp_path / "vocabulary.tsv")
    assert loaded.words == everything.words
    assert loaded.counts.tolist() == everything.counts.tolist()
    assert next(vocabulary.numbers([["b", "never", "a"]])).tolist() == [2, UNKNOWN, 3]
    with pytest.raises(InputError, match="no word occurs 9 times or more in the training texts, which have 10 words"):
        vocabulary_of(*texts, min_count=9)
    (tmp_path / "other.tsv").write_text("word\tcount\ncat\t3\n")
    with pytest.raises(InputError, match=r"other\.tsv: not a vocabulary of a text_cnn expert"):
        Vocabulary.load(tmp_path / "other.tsv")


def test_coverage_counts_words_once_and_as_often_as_they_occur():
    vocabulary = vocabulary_of("a a a a a b b c d", max_vocabulary=3)  # d is unknown
    assert vocabulary.coverage(np.array([True, False, True])) == {
        "vocabulary_covered": pytest.approx(2 / 3),
        "words_covered": pytest.approx(6 / 9),
    }


@pytest.mark.parametrize(
    ("reads", "expected"), [("title", "red lamp"), ("description", "for reading"), ("both", "red lamp for reading")]
)
def test_an_expert_reads_what_its_config_says(reads, expected):
    assert [*read_words(products(["Red Lamp"], ["<b>for</b> reading"]), text_cnn(reads=reads))] == [expected.split()]


GLOVE = (
    "the 0.1 0.2 0.3\nLamp 1 2 3\nlamp 4 5 6\nRED 7 8 9\nRed 0 0 0\n. . . 1 1 1\n\u00a0 1 1 1\n\x85 2 2 2\nshoe 3 3 3\n"
)


@pytest.mark.parametrize("form", ["glove", "word2vec", "gzip", "windows"])
def test_vectors_are_read_in_every_form(tmp_path, form):
    content = GLOVE
    if form == "word2vec":
        content = "9 3\n" + "".join(f"{line} \n" for line in GLOVE.split("\n") if line)  # with a space at the end
    if form == "windows":
        content = GLOVE.replace("\n", "\r\n")
    path = tmp_path / ("vectors.txt.gz" if form == "gzip" else "vectors.txt")
    path.write_bytes(gzip.compress(content.encode()) if form == "gzip" else content.encode())
    check_size(path, 3)
    vectors, covered = read_vectors(path, ["lamp", "red", "mug", "shoe"])
    assert covered.tolist() == [True, True, False, True]
    # the exact word, though a capital one comes first; without it the first in capitals
    assert vectors.tolist() == [[4, 5, 6], [7, 8, 9], [0, 0, 0], [3, 3, 3]]
    with pytest.raises(InputError, match=r"vectors have 3 numbers, but embedding_size is 100: set it to 3"):
        check_size(path, 100)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "an empty file, not word vectors"),
        ("a 1 2 3\nb 1 2\n", "line 2: 2 numbers after the word, not 3"),
        ("a 1 2 3\nb 1 2 3 4 5\n", "line 2: 5 numbers after the word, not 3"),
        ("a 1 2 3\nb 1 x 3\n", "line 2: not all are numbers"),
        ("a 1 2 3\nb 1 nan 3\n", "line 2: not all numbers are finite"),
        ("some words of a text\n", "line 1: not all are numbers"),
        ("5 3\na 1 2 3\nb 1 2 3\n", "2 vectors, but 5 by its first line: is the file complete?"),
        ("5 3\na \x00\x01\x02\x03\x04\n", "line 2: 1 numbers after the word, not 3"),  # the binary format
    ],
)
def test_a_damaged_file_is_refused_with_its_line(tmp_path, content, message):
    (tmp_path / "vectors.txt").write_bytes(content.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_vectors(tmp_path / "vectors.txt", ["a", "b"])
    assert str(tmp_path / "vectors.txt") in str(caught.value)


def test_a_damaged_gzip_file_is_refused(tmp_path):
    whole = gzip.compress(GLOVE.encode() * 100)
    for number, content in enumerate((b"the 0.1 0.2\n", whole[:-20], whole[:40] + b"\0\0\0" + whole[43:])):
        (tmp_path / f"{number}.gz").write_bytes(content)
        with pytest.raises(InputError, match=rf"{number}\.gz"):
            read_vectors(tmp_path / f"{number}.gz", ["lamp"])


def test_words_without_a_vector_begin_at_random_with_the_variance_of_the_others():
    embedding = torch.nn.Embedding(4002, 8, padding_idx=PADDING)
    given = np.random.default_rng(0).normal(0, 3, (4000, 8)).astype(np.float32)
    covered = np.arange(4000) % 2 == 0
    set_vectors(embedding, given, covered)
    weights = embedding.weight.detach().numpy()
    assert np.array_equal(weights[2:][covered], given[covered])
    assert weights[2:][~covered].std() == pytest.approx(3, rel=0.02)
    assert not weights[[PADDING, UNKNOWN]].any()
    set_vectors(embedding, given, np.zeros(4000, bool))
    assert 0.24 < np.abs(embedding.weight.detach().numpy()).max() <= 0.25
