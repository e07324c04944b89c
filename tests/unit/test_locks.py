"""Locks: file systems without locks, and errors under a lock."""

import pytest

from latefusion.utils import locks
from latefusion.utils.locks import locked


def test_a_file_system_without_locks_is_said_and_worked_on(tmp_path, monkeypatch, caplog):
    def refuse(descriptor, how):
        raise OSError(locks.errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "lockf", refuse)
    with locked(tmp_path / "job"):
        pass
    assert "has no locks" in caplog.text
    assert not list(tmp_path.iterdir())


def test_the_lock_is_released_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path / "job"):
        raise KeyError
    assert not list(tmp_path.iterdir())
