"""A row of the fault matrix, and the ways in which a script can be run while a fault is there."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from faults.shop import Shop, located

REFUSED, FINE, INTERRUPTED, TERMINATED, KILLED = 2, 0, 130, 143, -9


@dataclass(frozen=True)
class Ended:
    """How one or more processes ended, and what they said."""

    statuses: tuple[int, ...]
    output: str


@dataclass(frozen=True)
class Fault:
    """What goes wrong, in which script, and what must come of it.

    `act` brings the fault about and runs the script; `says` is searched for in its output; `mend` does what the message
    asks of the user. Afterwards all scripts run to the end, and leave what they leave without the fault, unless it is
    not `equal`: the fault changes what is asked for.
    """

    what: str
    script: str
    outcome: str  # for the table
    act: Callable[[Shop], Ended]
    status: tuple[int, ...] = (REFUSED,)
    says: str = ""
    mend: Callable[[Shop], object] = lambda shop: None
    equal: bool = True


def run(script: str, *arguments: str, forget: tuple[str, ...] = (), **options) -> Callable[[Shop], Ended]:
    """Run a script that has these jobs to do."""

    def act(shop: Shop) -> Ended:
        shop.forget(*forget)
        process = shop.start(script, arguments=arguments, **options)
        return Ended((process.wait(),), process.output)

    return act


def after(change: Callable[[Shop], object], act: Callable[[Shop], Ended]) -> Callable[[Shop], Ended]:
    """Change something first."""

    def both(shop: Shop) -> Ended:
        change(shop)
        return act(shop)

    return both


def struck(
    script: str,
    how: signal.Signals,
    when: str,
    *,
    forget: tuple[str, ...],
    arguments: tuple[str, ...] = (),
    tries: int = 8,
) -> Callable[[Shop], Ended]:
    """Send a signal as soon as a file is there that `when`, a glob under weights/shop, matches."""

    def act(shop: Shop) -> Ended:
        for _ in range(tries):  # a script may be faster than we are
            shop.forget(*(job for job in forget if (shop.run_root / located(job)).exists()))
            process = shop.start(script, arguments=arguments)
            while not any(shop.run_root.glob(located(when))) and not process.has_ended():
                time.sleep(0.0005)
            if not process.has_ended():
                os.kill(process.pid, how)
            if process.wait() != 0:
                break
        return Ended((process.status,), process.output)

    return act


def at_once(*commands: tuple[str, ...], forget: tuple[str, ...] = (), delay: float = 0.0) -> Callable[[Shop], Ended]:
    """Run several scripts, each with its arguments, at the same time."""

    def act(shop: Shop) -> Ended:
        shop.forget(*forget)
        processes = []
        for script, *arguments in commands:
            processes.append(shop.start(script, arguments=tuple(arguments)))
            time.sleep(delay)
        statuses = tuple(process.wait() for process in processes)
        return Ended(statuses, "\n".join(process.output for process in processes))

    return act
