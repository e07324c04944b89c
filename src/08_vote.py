"""Let the policies vote, and score everything: weights/<experiment>/scores/, submissions/<experiment>/scores.md.

python src/08_vote.py --config configs/sample.yaml
"""

from functools import cache, partial

from latefusion.steps.cli import run_script


def main(experiment, only):
    from latefusion.fusion.vote import vote
    from latefusion.plan.jobs import plan
    from latefusion.plan.runner import run_jobs
    from latefusion.scores import write_scores
    from latefusion.tables.dataset import read_dataset

    dataset = cache(partial(read_dataset, experiment))
    run_jobs(plan(experiment), "08_vote.py", lambda job: vote(experiment, dataset(), job), only)
    print(write_scores(experiment, dataset()))


if __name__ == "__main__":
    run_script(__doc__, main)
