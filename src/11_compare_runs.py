"""Print mean and spread of the scores of several finished runs: one config with different seeds, splits or machines.

python src/11_compare_runs.py s2020 s2021 s2022        # names of experiments, which are folders in weights/
"""

from pathlib import Path

from latefusion.steps.cli import run_script

ARGUMENTS = {"runs": {"nargs": "+", "metavar": "EXPERIMENT", "help": "a folder of weights/ that 08_vote.py has scored"}}


def main(experiment, selection, *, runs):
    from latefusion.scores.runs import compare_runs

    print(compare_runs([Path("weights") / run for run in runs]))


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False, arguments=ARGUMENTS)
