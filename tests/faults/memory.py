"""Limits on memory, files and their size."""

from faults.fault import FINE, Fault, run

LITTLE = "memory|thread"


def _starved(script: str, job: str, megabytes: int) -> Fault:
    """Let a script have so much more address space than the process it is forked from."""
    outcome = "says that memory is short; all files equal with more"
    act = run(script, forget=(job,), memory=megabytes * 1_000_000)
    return Fault(f"{megabytes} MB of memory", script, outcome, act, says=LITTLE)


FAULTS = [
    _starved("01_prepare.py", "catalogue", 4),
    _starved("02_train_text.py", "text", 8),
    _starved("04_train_image.py", "cnn", 8),
    _starved("07_fuse.py", "both", 2),
    Fault(
        "files of 30 kB at most (a quota)",
        "04_train_image.py",
        "says which file; all files equal without the limit",
        run("04_train_image.py", forget=("cnn",), limits={"RLIMIT_FSIZE": 30_000}),
        says="too large|File too large|quota",
    ),
    Fault(
        "16 open files at most",
        "01_prepare.py",
        "finishes; all files equal",
        run("01_prepare.py", forget=("catalogue",), limits={"RLIMIT_NOFILE": 16}),
        status=(FINE,),
    ),
]
