"""The command line of all numbered scripts: arguments, logging, error messages, exit status.

Nothing heavy is imported here, so `--help`, `--list` and errors in the config are printed at once.
"""

import argparse
import logging
import os
import select
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from latefusion.config import DEFAULT_CONFIG, Experiment, load_experiment
from latefusion.plan.planning import Selection, plan
from latefusion.steps.failures import explain
from latefusion.steps.interrupt import stoppable
from latefusion.steps.launch import process_rank
from latefusion.steps.listing import as_json, describe, describe_data, describe_weights
from latefusion.steps.peers import watched
from latefusion.steps.scripts import SCRIPTS
from latefusion.utils.errors import InputError, StepError
from latefusion.utils.progress import LogHandler

logger = logging.getLogger(__name__)
PIPE_CLOSED = 141  # the exit status of a program that SIGPIPE ended


def run_script(
    doc: str,
    work: Callable[..., None],
    *,
    parallel: bool = False,
    has_jobs: bool = True,
    has_experiment: bool = True,
    preview: Callable[[Experiment, Selection], None] | None = None,
    arguments: dict[str, dict] | None = None,
) -> None:
    """Parse the arguments, load the experiment and call `work(experiment, selection)`.

    `has_experiment`: the script has the options `--config`, `--set`, `--list`, `--json` and `--summary`; otherwise
    `work` is called without an experiment and a selection.
    `has_jobs`: the script has the options `--only NAME` and `--redo NAME`, which make the selection. `arguments`:
    further arguments of this script (name -> keywords of argparse's `add_argument`); `work` gets their values as
    keywords. `preview`: the script has the option `--preview`, which calls `preview(experiment, selection)` instead of
    `work`.
    Under `accelerate launch`, a script that is not `parallel` runs in the main process only.
    Exit status: 2, with a message, on an InputError or a failure of the machine (such as a full disk); 3 if `--summary`
    finds something to do, 4 if it cannot know; 130 when interrupted; 143 when terminated; 141 when the program that
    reads the output has ended. In messages, `--config CONFIG` stands for the options as they were given.
    """
    # OpenMP's threads spin while they wait for each other. Long spinning makes training many times slower on a machine
    # that other programs use too; no spinning makes it slower on an idle machine. Torch reads this when it is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "10000")
    output_folders = [Path("weights"), Path("submissions")]
    given: list[str] = []
    with _report_errors(output_folders, given):
        args = _parse(
            doc,
            has_jobs=has_jobs,
            has_experiment=has_experiment,
            has_preview=preview is not None,
            arguments=arguments or {},
        )
        rank = process_rank()
        _start_log(rank)
        names = [name.lstrip("-").replace("-", "_") for name in arguments or {}]
        own = {name: getattr(args, name) for name in names}
        if not has_experiment:
            _say_loading()
            work(**own)
            return
        given += [f"--config {args.config}", *(f"--set {shlex.quote(override)}" for override in args.set)]
        experiment = load_experiment(args.config, args.set)
        selection = Selection(args.redo or args.only, redo=args.redo is not None)
        output_folders.append(experiment.catalogue.root)
        if args.list and args.json:
            print(as_json(experiment, plan(experiment)))
        elif args.summary:
            _print_summary(experiment)
        elif args.list:
            jobs = plan(experiment)
            tables = (describe(jobs), describe_weights(experiment, jobs), describe_data(experiment))
            print("\n\n".join(filter(None, tables)))
        elif preview is not None and args.preview:
            _say_loading()
            preview(experiment, selection)
        elif parallel:
            _say_loading()
            with watched(experiment, rank):
                work(experiment, selection, **own)
        elif rank == 0:
            _say_loading()
            work(experiment, selection, **own)


def _print_summary(experiment: Experiment) -> None:
    """Print the summary of a finished experiment, or else what there is to do; exit with a status."""
    from latefusion.steps.finished import finished_summary  # here: it takes a while

    text, status = finished_summary(experiment)
    print(text)
    if status:
        sys.exit(status)


@contextmanager
def _report_errors(output_folders: list[Path], given: list[str]) -> Iterator[None]:
    """Turn every error that ends a script into a message and an exit status, except bugs: they keep their traceback.

    `given`: the options that say which experiment it is, for the commands in messages.
    """
    with stoppable() as stop:
        try:
            try:
                yield
            finally:
                sys.stdout.flush()  # inside `try`, where the error of a closed pipe is handled
        except StepError as error:
            scripts = {step: " ".join([script, *given]) for step, script in SCRIPTS.items()}
            sys.exit(_print_error(error.with_script(scripts), given))
        except InputError as error:
            sys.exit(_print_error(str(error), given))
        except (Exception, KeyboardInterrupt) as error:
            if stop.signum is not None:  # for any error: libraries turn an interrupt into errors of their own
                stop.exit_now()
            if isinstance(error, KeyboardInterrupt):
                print(stop.message, file=sys.stderr)
                sys.exit(stop.status)
            if isinstance(error, BrokenPipeError) and _output_is_closed():
                sys.exit(PIPE_CLOSED)
            if (explanation := explain(error, output_folders)) is not None:
                sys.exit(_print_error(f"{explanation}. Then run the same command again to continue", given))
            raise


def _say_loading() -> None:
    """Say why nothing happens: `work` imports its libraries, which can take a minute on a busy machine."""
    logger.info("src/%s: loading libraries", Path(sys.argv[0]).name)


def _start_log(rank: int) -> None:
    level = logging.INFO if rank == 0 else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", handlers=[LogHandler()])
    for chatty in ("httpx2", "accelerate", "timm"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _output_is_closed() -> bool:
    """Return whether the program that reads this one's output has ended, as `head` does; discard further output."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        poll.register(stream.fileno(), 0)
    closed = [descriptor for descriptor, event in poll.poll(0) if event & (select.POLLERR | select.POLLHUP)]
    for descriptor in closed:  # otherwise Python prints another error when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)
    return bool(closed)


def _parse(
    doc: str, *, has_jobs: bool, has_experiment: bool, has_preview: bool, arguments: dict[str, dict]
) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    if has_experiment:
        _add_experiment(parser)
    for name, options in arguments.items():
        parser.add_argument(name, **options)
    if has_jobs:
        one = parser.add_mutually_exclusive_group()
        one.add_argument("--only", metavar="NAME", help="run only this job (expert, policy, ...) of the script")
        one.add_argument("--redo", metavar="NAME", help="run only this job, from its start, even if it is done")
    if has_preview:
        parser.add_argument("--preview", action="store_true", help="draw the images that the networks read, and stop")
    args = parser.parse_args(namespace=argparse.Namespace(only=None, redo=None, preview=False))
    if has_experiment and args.json and not args.list:
        parser.error("--json belongs to --list")
    return args


def _add_experiment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, help="the experiment's YAML file (default: configs/sample.yaml)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="override a key of the config, such as split.seed=1; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="list all jobs of the experiment and their state, and stop")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON, for programs")
    parser.add_argument(
        "--summary",
        action="store_true",
        help="if the experiment is finished, print what is submitted and where everything lies; otherwise print what "
        "there is to do, with exit status 3",
    )


def _print_error(message: str, given: list[str]) -> int:
    """Print an error and return the exit status."""
    if given:
        message = message.replace("--config CONFIG", " ".join(given))
    print(f"error: {message}", file=sys.stderr)
    return 2
