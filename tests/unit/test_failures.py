"""What a launcher says and what a machine refuses, in plain words."""

import errno
import resource

import pytest
import torch
from safetensors import SafetensorError

from latefusion.steps.failures import explain
from latefusion.steps.launch import process_rank
from latefusion.utils.errors import InputError, reported_as

LAUNCHED = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
LAUNCHED |= {"MASTER_ADDR": "h", "MASTER_PORT": "1"}


def test_a_launchers_whole_set_of_variables_is_taken():
    assert process_rank({}) == 0
    assert process_rank({"SLURM_PROCID": "3", "MASTER_ADDR": "h", "MASTER_PORT": "29500"}) == 0
    assert process_rank(LAUNCHED) == 1
    assert process_rank({name: value for name, value in LAUNCHED.items() if name != "LOCAL_WORLD_SIZE"}) == 1


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"RANK": "1"}, "RANK set without WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE set without RANK"),
        ({"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE set without RANK"),
        (LAUNCHED | {"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE='0' is not a whole number of at least 1"),
        (LAUNCHED | {"RANK": "abc"}, "RANK='abc' is not a whole number of at least 0"),
        (LAUNCHED | {"RANK": ""}, "set without RANK. If they are from another run"),
        (LAUNCHED | {"RANK": "2"}, "RANK=2 must be below WORLD_SIZE=2"),
        (LAUNCHED | {"LOCAL_RANK": "5"}, "LOCAL_RANK=5 must be below LOCAL_WORLD_SIZE=2"),
        (LAUNCHED | {"LOCAL_WORLD_SIZE": "4"}, "LOCAL_WORLD_SIZE is larger than WORLD_SIZE"),
        (LAUNCHED | {"MASTER_PORT": "99999"}, "MASTER_PORT=99999 is not a port"),
    ],
)
def test_variables_left_over_from_another_run_are_refused(environment, message):
    with pytest.raises(InputError, match="`unset ") as caught:
        process_rank(environment)
    assert message in str(caught.value)


FULL = "the disk is full, or your quota of it: free some space"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "weights/x"), f"weights/x: {FULL}"),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "weights/x"), f"weights/x: {FULL}"),
        (OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"), FULL),  # pyarrow
        (SafetensorError('IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'), FULL),
        (SafetensorError("I/O error: Permission denied (os error 13)"), "permission is denied"),
        (RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"), FULL),  # torch.save
        (PermissionError(errno.EACCES, "Permission denied", "data/x.csv"), "data/x.csv: permission is denied"),
        (OSError(errno.EROFS, "Read-only file system", "weights"), "weights: the disk is read-only"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "weights/t"), "weights/t: a file is where"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "x"), "x: a folder is where a file should be"),
        (OSError(errno.EMFILE, "Too many open files", "x"), "x: too many files are open"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "there is too little memory"),
        (MemoryError(), "there is too little memory"),
        (RuntimeError("can't start new thread"), "no further thread can be started"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "too little memory"),
        (RuntimeError("could not create a primitive"), "too little memory"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. "), "a worker was killed: there is too"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error."), "shared memory (/dev/shm) is full"),
        (RuntimeError("unable to open shared memory object </x>: No space left on device (28)"), "shared memory"),
    ],
)
def test_what_the_machine_refuses_is_explained(tmp_path, error, message):
    assert message in explain(error, [tmp_path])


def test_what_the_machine_lacks_is_not_reported_as_a_damaged_file():
    for error in (MemoryError(), OSError(errno.EMFILE, "x"), OSError("Detail: [errno 28] No space left on device")):
        with pytest.raises(type(error)) as caught, reported_as("the file is damaged"):
            raise error
        assert caught.value is error
    with pytest.raises(InputError, match=r"^the file is damaged \(OSError: cut\)"), reported_as("the file is damaged"):
        raise OSError("cut")


def test_other_errors_stay_what_they_are(tmp_path):
    for error in (ValueError("x"), KeyError("x"), FileNotFoundError(errno.ENOENT, "None", "x"), InputError("x")):
        assert explain(error, [tmp_path]) is None
    expected = ValueError("a mistake after a folder was found in the way")
    expected.__context__ = FileExistsError(errno.EEXIST, "File exists", "x")
    assert explain(expected, [tmp_path]) is None


def test_a_full_disk_below_another_error_and_one_that_no_error_names_are_found(tmp_path, monkeypatch):
    above = ValueError("cannot save")
    above.__cause__ = OSError(errno.ENOSPC, "No space left on device", "x")
    assert explain(above, []) == f"x: {FULL}"
    monkeypatch.setattr("latefusion.steps.failures.DISK_FULL", 2**62)
    nameless = OSError("Error writing bytes to file. Detail: [errno 28] No space left on device")
    assert explain(nameless, [tmp_path]) == f"{tmp_path}: {FULL}"
    assert explain(ValueError("odd"), [tmp_path / "not" / "there"]) == f"{tmp_path / 'not' / 'there'}: {FULL}"


def test_real_refusals_of_libraries_are_explained(tmp_path):
    def refusal(function, *arguments) -> str:
        with pytest.raises((OSError, RuntimeError)) as caught:
            function(*arguments)
        return explain(caught.value, [])

    (tmp_path / "file").write_text("")
    assert "a file is where a folder should be" in refusal((tmp_path / "file" / "x").mkdir)
    (tmp_path / "full").symlink_to("/dev/full")
    assert FULL in refusal((tmp_path / "full").write_text, "x" * 100_000)
    assert FULL in refusal(torch.save, torch.zeros(9000), tmp_path / "full")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        message = refusal(open, tmp_path / "file")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert "too many files are open" in message
