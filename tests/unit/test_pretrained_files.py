"""Which pretrained weights a name means, and that other weights under the same name are noticed."""

import os

import pytest
from helpers.pretrained import put_weights

from latefusion.plan.pretrained import FOLDER, describe_files, find_encoder, have_changed
from latefusion.utils.errors import InputError

pytestmark = pytest.mark.usefixtures("no_hub")


@pytest.mark.usefixtures("unreachable_hub")
def test_two_organisations_may_have_a_model_of_one_name():
    put_weights("org-a--bert")
    put_weights("org-b/bert")
    assert find_encoder("org-a/bert") == str(FOLDER / "org-a--bert")
    assert find_encoder("org-b/bert") == str(FOLDER / "org-b/bert")


@pytest.mark.usefixtures("unreachable_hub")
def test_a_folder_of_the_last_word_alone_is_refused_with_the_command_that_names_it_rightly():
    put_weights("bert")
    with pytest.raises(InputError, match="mv weights/pretrained/bert weights/pretrained/org-a--bert"):
        find_encoder("org-a/bert")
    assert find_encoder("bert") == str(FOLDER / "bert")


@pytest.mark.parametrize(
    "name", ["weights/mine/bert", "../bert", "a b", "x" * 200, "~/bert", "é/b", "a//b", "C:\\bert"]
)
def test_a_name_that_is_no_folder_and_that_the_hub_does_not_allow_is_refused_in_words(name):
    with pytest.raises(InputError, match=r"no pretrained weights for [\s\S]*not a valid name there"):
        find_encoder(name)


def test_a_file_that_is_only_newer_has_not_changed_and_one_of_other_content_has():
    folder = put_weights("bert")
    recorded = describe_files("bert")
    assert set(recorded) == {"config.json", "model.safetensors"}
    os.utime(folder / "model.safetensors", (1, 1))
    assert not have_changed("bert", recorded)
    (folder / "model.safetensors").write_text("WEIGHTS")
    assert have_changed("bert", recorded)
    (folder / "model.safetensors").write_text("weights")
    (folder / "vocab.txt").write_text("a word")
    assert have_changed("bert", recorded)


def test_files_that_no_model_is_read_from_change_nothing():
    folder = put_weights("bert")
    recorded = describe_files("bert")
    for name in ("LICENSE.txt", "README.md", "training_args.bin"):
        (folder / name).write_text("text")
    assert not have_changed("bert", recorded)


def test_weights_that_are_gone_or_were_never_here_have_not_changed():
    folder = put_weights("bert")
    recorded = describe_files("bert")
    assert not have_changed("bert", None)
    (folder / "model.safetensors").unlink()
    assert not have_changed("bert", recorded)
