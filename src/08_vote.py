"""Compute the policies' majority vote, choose and calibrate what is submitted, and score all methods.

Writes weights/<experiment>/{vote,submission,scores}/ and submissions/<experiment>/scores.md.

python src/08_vote.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.vote import vote_and_score

    print(vote_and_score(experiment, selection))


if __name__ == "__main__":
    run_script(__doc__, main)
