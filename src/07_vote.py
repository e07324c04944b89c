"""Let the policies vote, and score everything: weights/<experiment>/scores.csv, submissions/<experiment>/scores.md.

python src/07_vote.py --config configs/sample.yaml
"""

from latefusion.cli import run_script


def main(experiment, only):
    from latefusion.fusion.fuse import vote
    from latefusion.jobs import plan, run_jobs
    from latefusion.prepare import load_prepared
    from latefusion.scores import write_scores

    run_jobs(plan(experiment), "07_vote.py", lambda job: vote(experiment, load_prepared(experiment), job), only)
    print(write_scores(experiment, load_prepared(experiment)))


if __name__ == "__main__":
    run_script(__doc__, main)
