"""What all numbered scripts share: their arguments, the log, and errors a user can read.

Nothing heavy is imported here: `--help`, a bad page and `--list` answer at once.
"""

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from latefusion.config import DEFAULT_PAGE, Experiment, load_experiment
from latefusion.errors import InputError

DISK_FULL = 1_000_000  # bytes


def run_script(
    doc: str,
    work: Callable[..., None],
    *,
    parallel: bool = False,
    has_jobs: bool = True,
    preview: Callable[[Experiment, str | None], None] | None = None,
    own: dict[str, dict] | None = None,
) -> None:
    """Parse the arguments, load the experiment and call `work(experiment, only)`; `only` needs a script that has jobs.

    `own` holds the arguments that this script alone has, as argparse takes them; `work` gets them by name.
    With `--preview`, a script that has one calls `preview(experiment, only)` instead.
    Under `accelerate launch`, a script that is not `parallel` works in the main process alone.
    Exits with status 2 and a plain message on an InputError, 130 when interrupted.
    """
    args = _parse(doc, has_jobs=has_jobs, has_preview=preview is not None, own=own or {})
    # OpenMP's threads spin while they wait for each other. Spinning for long makes training many times slower beside a
    # busy neighbour, not spinning at all makes it slower on a quiet machine; torch reads this on import.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    rank = int(os.environ.get("RANK", "0"))
    logging.basicConfig(
        level=logging.INFO if rank == 0 else logging.WARNING, format="%(asctime)s %(message)s", datefmt="%H:%M:%S"
    )
    for chatty in ("httpx2", "accelerate"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        experiment = load_experiment(args.config, args.set)
        if args.list:
            from latefusion.jobs import describe, plan

            print(describe(plan(experiment)))
        elif args.preview:
            preview(experiment, args.only)
        elif parallel or rank == 0:
            names = [name.lstrip("-") for name in own or {}]
            work(experiment, args.only, **{name: getattr(args, name) for name in names})
    except InputError as error:
        sys.exit(_complain(error))
    except Exception as error:  # each library has its own error for a full disk
        if "No space left" in str(error) or shutil.disk_usage(".").free < DISK_FULL:
            sys.exit(_complain("the disk is full: free some space and run the same command again to continue"))
        raise
    except KeyboardInterrupt:
        print("interrupted; run the same command again to continue", file=sys.stderr)
        sys.exit(130)


def _parse(doc: str, *, has_jobs: bool, has_preview: bool, own: dict[str, dict]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=DEFAULT_PAGE, help="the experiment's page (default: the sample)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override any key of the page")
    for name, options in own.items():
        parser.add_argument(name, **options)
    if has_jobs:
        parser.add_argument("--only", metavar="NAME", help="do this one job (expert, policy, ...) of the script")
    if has_preview:
        parser.add_argument("--preview", action="store_true", help="draw what the networks are to see, and stop")
    parser.add_argument("--list", action="store_true", help="list all jobs of the experiment and their state, and stop")
    return parser.parse_args(namespace=argparse.Namespace(only=None, preview=False))


def _complain(error: InputError | str) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2
