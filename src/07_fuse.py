"""Train the policies on the experts' validation probabilities: weights/<experiment>/<policy>/.

python src/07_fuse.py --config configs/sample.yaml [--only NAME]
"""

from latefusion.steps.cli import run_script


def main(experiment, only):
    from latefusion.fusion.training import fuse_policies

    fuse_policies(experiment, only)


if __name__ == "__main__":
    run_script(__doc__, main)
