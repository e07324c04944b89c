"""Our default config beside what people would use instead, on one catalogue: scores with intervals, and time.

    make compare CATALOGUE=path/to/folder                # it holds products.csv; columns: configs/catalogue.yaml
    make compare CATALOGUE=path/to/folder SET="--set catalogue.columns.label=type" SEEDS="2020 2021 2022"
    make compare CATALOGUE=path/to/folder AUTOGLUON=path/to/its/environment/bin/python SET="--minutes 120"

Runs the numbered scripts for each seed, in the experiment `compare-<folder>-<seed>`, then the baselines, which learn
from the same products (train and valid) and are scored on the same held-out test products: TF-IDF + logistic
regression with scikit-learn's default C and with C by cross-validation, and AutoGluon MultiModal with the pretrained
weights of the default config, where it is installed. Prints a table and writes it to
`submissions/compare-<folder>-<seeds>/compare.md`. What is done is not repeated: our jobs and AutoGluon's predictions.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from autogluon_run import AutoGluon
from baselines import Clock, Outcome, Seconds, tfidf_logistic
from comparison import Run, describe

from latefusion.config import Experiment, load_experiment
from latefusion.plan.records import digest, read_record, verified
from latefusion.scores.results import Results
from latefusion.tables.artifacts import read_json_object
from latefusion.tables.dataset import read_dataset
from latefusion.tables.predictions import read_preds
from latefusion.utils.environment import run_environment
from latefusion.utils.errors import InputError
from latefusion.utils.files import read_json, write_json, write_text
from latefusion.utils.locks import locked

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = sorted((REPOSITORY / "src").glob("0[1-9]_*.py"))  # from the catalogue to the submission
SUBMITTED, BEST_EXPERT, VOTE = "ours: what is submitted", "ours: best single expert", "ours: vote"
CONTINUED = "of this command alone, which found parts of the run already done"


def main() -> None:
    args = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that AutoGluon's processes end too
    try:
        print(compare(args))
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: run the same command again to continue", file=sys.stderr)
        sys.exit(130)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("catalogue", type=Path, help="the folder of the catalogue: catalogue.root of the config")
    parser.add_argument("--config", type=Path, default=REPOSITORY / "configs/catalogue.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a key of the config")
    parser.add_argument("--seeds", type=int, nargs="+", help="one run for each: split.seed (default: the config's)")
    parser.add_argument("--autogluon", type=Path, metavar="PYTHON", help="the Python of AutoGluon's environment")
    parser.add_argument("--minutes", type=float, default=60.0, help="limit of AutoGluon's training, for each seed")
    parser.add_argument(
        "--autogluon-set", action="append", default=[], metavar="KEY=VALUE", help="such as optim.max_epochs=5"
    )
    return parser.parse_args(arguments)


def compare(args: argparse.Namespace) -> str:
    """Run everything and return the report, which is also written."""
    if not args.catalogue.is_dir():
        raise InputError(f"{args.catalogue} is not a folder: name the folder that holds the table of products")
    given = [f"catalogue.root={json.dumps(str(args.catalogue))}"]
    seeds = args.seeds or [load_experiment(args.config, [*args.set, *given]).split.seed]
    of_what = digest([str(args.catalogue.resolve()), str(args.config.resolve())])[:6]  # other folders of this name
    name = f"compare-{slug(args.catalogue)}-{of_what}"
    command = f'make compare CATALOGUE="{args.catalogue}"'
    changed = dict(read_setting(setting) for setting in args.autogluon_set)
    autogluon = AutoGluon(args.autogluon, args.minutes, changed, command)
    runs = {}
    for seed in dict.fromkeys(seeds):
        overrides = [*args.set, *given, f"name={name}-{seed}", f"split.seed={seed}"]
        experiment = load_experiment(args.config, overrides)
        with locked(experiment.run_root / "compare"):
            runs[seed] = run_seed(experiment, args.config, overrides, autogluon)
    environment = run_environment()
    machine = f"{environment['device']}, CPU threads: {environment['cpu_threads']}"
    report = describe(args.catalogue.resolve().name, machine, runs)
    path = Path("submissions") / "-".join([name, *map(str, runs)]) / "compare.md"
    write_text(path, report)
    return f"{report}\n{path}"


def slug(folder: Path) -> str:
    """Return a folder's name as part of an experiment's name: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-")[:40] or "catalogue"


def read_setting(setting: str) -> tuple[str, object]:
    """Return the key and value of KEY=VALUE; a value that is not JSON is text. Raises InputError without a =."""
    key, equals, value = setting.partition("=")
    if not equals or not key:
        raise InputError(f"--autogluon-set {setting}: write KEY=VALUE, for example optim.max_epochs=5")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def run_seed(experiment: Experiment, config: Path, overrides: list[str], autogluon: AutoGluon) -> Run:
    """Run our scripts and the baselines for one seed, and return what each made of the test products."""
    arguments = ["--config", str(config), *(word for override in overrides for word in ("--set", override))]
    seconds, note = run_scripts(experiment.run_root, [[sys.executable, str(path), *arguments] for path in SCRIPTS])
    dataset = read_dataset(experiment)
    results = Results(experiment, dataset)
    if "test" not in results.splits:
        raise InputError("no test product has a label, so there is nothing to score: set split.test_fraction above 0")
    known = results.known("test")
    test = dataset.evaluation_splits["test"][known]
    train = dataset.products[~dataset.products["split"].isin(["test", "submit"])]
    outcomes = own_outcomes(results, known, seconds, note) | {
        "TF-IDF + logistic regression": tfidf_logistic(train, test, tuned=False),
        "TF-IDF + logistic regression, C by cross-validation": tfidf_logistic(train, test, tuned=True),
    }
    folder = experiment.run_root / "compare" / "autogluon"
    root, seed = experiment.catalogue.root, experiment.split.seed
    outcomes["AutoGluon MultiModal"] = autogluon(train, test, root, folder, seed)
    return Run(test.index, results.targets["test"][known], dataset.classes, len(train), outcomes)


def own_outcomes(results: Results, known: np.ndarray, seconds: Seconds, note: str) -> dict[str, Outcome]:
    """Return what the run submits, beside the best single expert (chosen without the test products) and the vote."""
    root, classes = results.experiment.run_root, np.array(results.dataset.classes, dtype=object)
    submitted = read_preds(root / "submission", "test", results.dataset)
    chosen = read_json_object(verified(root / "submission", "metrics.json"))["method"]
    outcomes = {SUBMITTED: Outcome(classes[submitted[known]], seconds, f"Ours submits {chosen}. {note}".strip())}
    methods = {method.name: method for method in results.methods}
    comparisons = pd.read_csv(root / "scores/comparisons.csv", dtype={"against": "str"})
    best = next(iter(comparisons["against"]), None)
    if best is not None:
        labels = classes[results.preds(methods[best], "test")[known]]
        outcomes[BEST_EXPERT] = Outcome(labels, note=f"The best single expert, without the test products, is {best}.")
    if "vote" in methods:
        outcomes[VOTE] = Outcome(classes[results.preds(methods["vote"], "test")[known]])
    return outcomes


def run_scripts(run_root: Path, commands: list[list[str]]) -> tuple[Seconds, str]:
    """Run the commands, which write below `run_root`; return the time from nothing to the submission, and a note.

    The time is kept beside the run. If parts of the run are older than that, or an interrupted run was continued, it is
    the time of this call alone, and the note says so.
    """
    times, before = run_root / "compare" / "seconds.json", attempts(run_root)
    clock = Clock()
    for command in commands:
        if (status := run_script(command)) != 0:
            raise InputError(f"{Path(command[1]).name} ended with status {status}, see above")
    took, after = clock.read(), attempts(run_root)
    if not before:
        write_json(times, {"attempts": after, "wall": took.wall, "cpu": took.cpu})
        return took, ""
    recorded = read_json(times) if times.is_file() else {}
    if recorded.get("attempts") == after:
        return Seconds(recorded["wall"], recorded["cpu"]), f"Ours once more, with everything done: {took.wall:.0f} s."
    return took, f"Time of ours: {CONTINUED}."


def run_script(command: list[str]) -> int:
    """Run a command and return its exit status."""
    return subprocess.run(command).returncode


def attempts(run_root: Path) -> dict[str, str | None]:
    """Return the token of each job's attempt, which changes when the job starts anew, by its run folder."""
    folders = sorted(path.parent for path in run_root.rglob("job.json"))
    return {str(folder.relative_to(run_root)): read_record(folder).get("attempt") for folder in folders}


if __name__ == "__main__":
    main()
