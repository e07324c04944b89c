"""Read and check the environment variables of a launcher (torchrun, accelerate launch): either all are set, or none.

If one variable remained from another run, a script would wait for processes that were never started, or do nothing.
"""

import os
from collections.abc import Mapping

from latefusion.utils.errors import InputError

NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
COUNTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")  # if any of them is set, a launcher is assumed
BOUNDS = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": 1}  # lowest values


def process_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return this process's rank among those that a launcher started, 0 without a launcher.

    Raises InputError that names the inconsistent variables and how to unset them.
    """
    found = [name for name in COUNTED if name in environment]
    if not found:
        return 0
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise _invalid(f"{', '.join(found)} set without {', '.join(missing)}", found)
    numbers = {name: _number(environment, name, found) for name in BOUNDS if name in environment}
    for rank, size in (("RANK", "WORLD_SIZE"), ("LOCAL_RANK", "LOCAL_WORLD_SIZE"), ("LOCAL_RANK", "WORLD_SIZE")):
        if size in numbers and numbers[rank] >= numbers[size]:
            raise _invalid(f"{rank}={numbers[rank]} must be below {size}={numbers[size]}", found)
    if numbers.get("LOCAL_WORLD_SIZE", 1) > numbers["WORLD_SIZE"]:
        raise _invalid("LOCAL_WORLD_SIZE is larger than WORLD_SIZE", found)
    if numbers["MASTER_PORT"] > 65535:
        raise _invalid(f"MASTER_PORT={numbers['MASTER_PORT']} is not a port", found)
    return numbers["RANK"]


def _number(environment: Mapping[str, str], name: str, found: list[str]) -> int:
    text = environment[name]
    if not text.isdecimal() or len(text) > 9 or int(text) < BOUNDS[name]:
        raise _invalid(f"{name}={text!r} is not a whole number of at least {BOUNDS[name]}", found)
    return int(text)


def _invalid(problem: str, found: list[str]) -> InputError:
    return InputError(
        f"invalid launcher variables in the environment: {problem}. If they are from another run: "
        f"`unset {' '.join(found)}`; or start with torchrun or accelerate launch, which set all of them"
    )
