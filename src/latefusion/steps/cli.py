"""What all numbered scripts share: their arguments, the log, and errors a user can read.

Nothing heavy is imported here: `--help`, a bad config and `--list` answer at once.
"""

import argparse
import logging
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from latefusion.config import DEFAULT_CONFIG, Experiment, load_experiment
from latefusion.plan.planning import Selection, plan
from latefusion.steps.failures import explain
from latefusion.steps.interrupt import stoppable
from latefusion.steps.launch import process_rank
from latefusion.steps.listing import describe
from latefusion.steps.scripts import SCRIPTS
from latefusion.utils.errors import InputError, StepError

PIPE_CLOSED = 141  # the status of a program that SIGPIPE ended


def run_script(
    doc: str,
    work: Callable[..., None],
    *,
    parallel: bool = False,
    has_jobs: bool = True,
    preview: Callable[[Experiment, Selection], None] | None = None,
    own: dict[str, dict] | None = None,
) -> None:
    """Parse the arguments, load the experiment and call `work(experiment, selection)`.

    Scripts that have jobs take `--only NAME` and `--redo NAME`: the selection. `own` holds the arguments that this
    script alone has, as argparse takes them; `work` gets them by name. With `--preview`, a script that has one calls
    `preview(experiment, selection)` instead.
    Under `accelerate launch`, a script that is not `parallel` works in the main process alone.
    Exits with status 2 and a plain message on an InputError or where the machine refuses, 130 when interrupted, 143
    when terminated, 141 when nobody reads what it prints.
    """
    # OpenMP's threads spin while they wait for each other. Spinning for long makes training many times slower beside a
    # busy neighbour, not spinning at all makes it slower on a quiet machine; torch reads this on import.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    written = [Path("weights"), Path("submissions")]
    with _plain_end(written):
        args = _parse(doc, has_jobs=has_jobs, has_preview=preview is not None, own=own or {})
        rank = process_rank()
        _start_log(rank)
        experiment = load_experiment(args.config, args.set)
        selection = Selection(args.redo or args.only, redo=args.redo is not None)
        written.append(experiment.catalogue.root)
        if args.list:
            print(describe(plan(experiment)))
        elif args.preview:
            preview(experiment, selection)
        elif parallel or rank == 0:
            names = [name.lstrip("-") for name in own or {}]
            work(experiment, selection, **{name: getattr(args, name) for name in names})


@contextmanager
def _plain_end(written: list[Path]) -> Iterator[None]:
    """Turn what ends a script into a message and a status; only a mistake of the program itself is a traceback."""
    with stoppable() as stop:
        try:
            try:
                yield
            finally:
                sys.stdout.flush()  # here, where a closed pipe is noticed
        except StepError as error:
            sys.exit(_complain(error.with_script(SCRIPTS)))
        except InputError as error:
            sys.exit(_complain(str(error)))
        except (Exception, KeyboardInterrupt) as error:
            if stop.signum is not None:  # whatever the error is: libraries turn an interrupt into their own
                stop.leave()
            if isinstance(error, KeyboardInterrupt):
                print(stop.message, file=sys.stderr)
                sys.exit(stop.status)
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                sys.exit(PIPE_CLOSED)
            if (explanation := explain(error, written)) is not None:
                sys.exit(_complain(f"{explanation}. Then run the same command again to continue"))
            raise


def _start_log(rank: int) -> None:
    level = logging.INFO if rank == 0 else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for chatty in ("httpx2", "accelerate"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _nobody_reads() -> bool:
    """Tell whether the program that reads this one's output has ended, as `head` does; and stop writing to it."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), 0)
    closed = [descriptor for descriptor, event in poll.poll(0) if event & (select.POLLERR | select.POLLHUP)]
    for descriptor in closed:  # or Python would complain again when it flushes at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return bool(closed)


def _parse(doc: str, *, has_jobs: bool, has_preview: bool, own: dict[str, dict]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the experiment (default: the sample)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override any key")
    for name, options in own.items():
        parser.add_argument(name, **options)
    if has_jobs:
        one = parser.add_mutually_exclusive_group()
        one.add_argument("--only", metavar="NAME", help="do this one job (expert, policy, ...) of the script")
        one.add_argument("--redo", metavar="NAME", help="do this one job again from its start, although it is done")
    if has_preview:
        parser.add_argument("--preview", action="store_true", help="draw what the networks are to see, and stop")
    parser.add_argument("--list", action="store_true", help="list all jobs of the experiment and their state, and stop")
    return parser.parse_args(namespace=argparse.Namespace(only=None, redo=None, preview=False))


def _complain(error: str) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2
