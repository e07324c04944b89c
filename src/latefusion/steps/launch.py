"""What a launcher (torchrun, accelerate launch) says in the environment: all of it, or nothing.

A variable left over from another run makes a script wait for processes that nobody started, or do nothing at all.
"""

import os
from collections.abc import Mapping

from latefusion.utils.errors import InputError

NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
COUNTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")  # any of them says that a launcher was here
BOUNDS = {"RANK": 0, "WORLD_SIZE": 1, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 1, "MASTER_PORT": 1}  # the least


def process_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Return this process's number among those that a launcher started, 0 without one.

    Raises InputError naming the variables that do not go together, and how to be rid of them.
    """
    found = [name for name in COUNTED if name in environment]
    if not found:
        return 0
    missing = [name for name in NEEDED if not environment.get(name)]
    if missing:
        raise _refusal(f"{', '.join(found)} set without {', '.join(missing)}", found)
    numbers = {name: _number(environment, name, found) for name in BOUNDS if name in environment}
    for rank, size in (("RANK", "WORLD_SIZE"), ("LOCAL_RANK", "LOCAL_WORLD_SIZE"), ("LOCAL_RANK", "WORLD_SIZE")):
        if size in numbers and numbers[rank] >= numbers[size]:
            raise _refusal(f"{rank}={numbers[rank]} of {size}={numbers[size]} processes", found)
    if numbers.get("LOCAL_WORLD_SIZE", 1) > numbers["WORLD_SIZE"]:
        raise _refusal("LOCAL_WORLD_SIZE is more than WORLD_SIZE", found)
    if numbers["MASTER_PORT"] > 65535:
        raise _refusal(f"MASTER_PORT={numbers['MASTER_PORT']} is no port", found)
    return numbers["RANK"]


def _number(environment: Mapping[str, str], name: str, found: list[str]) -> int:
    text = environment[name]
    if not text.isdecimal() or len(text) > 9 or int(text) < BOUNDS[name]:
        raise _refusal(f"{name}={text!r} is no whole number from {BOUNDS[name]} up", found)
    return int(text)


def _refusal(problem: str, found: list[str]) -> InputError:
    return InputError(
        f"the environment does not say how many processes run: {problem}. Left over from another run? "
        f"`unset {' '.join(found)}`; or start with torchrun or accelerate launch, which set them all"
    )
