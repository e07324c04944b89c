"""Files are written whole or not at all."""

import pytest

from latefusion.utils.files import atomic_write, write_text


def test_a_failed_write_leaves_the_old_file_and_no_partial_one(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def write_half():
        with atomic_write(path) as partial:
            partial.write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_process_left_beside_is_overwritten(tmp_path):
    (tmp_path / "a.txt.partial").write_text("half")
    write_text(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_an_unchanged_text_is_not_written_again(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "same")
    before = path.stat().st_mtime_ns
    write_text(path, "same")
    assert path.stat().st_mtime_ns == before
