"""Let the policies vote, and score everything: weights/<experiment>/scores/, submissions/<experiment>/scores.md.

python src/07_vote.py --config configs/sample.yaml
"""

from functools import cache, partial

from latefusion.cli import run_script


def main(experiment, only):
    from latefusion.fusion.vote import vote
    from latefusion.jobs import plan
    from latefusion.prepare import load_prepared
    from latefusion.runner import run_jobs
    from latefusion.scores import write_scores

    prepared = cache(partial(load_prepared, experiment))
    run_jobs(plan(experiment), "07_vote.py", lambda job: vote(experiment, prepared(), job), only)
    print(write_scores(experiment, prepared()))


if __name__ == "__main__":
    run_script(__doc__, main)
