"""Train the policies on the experts' validation probabilities; writes weights/<experiment>/policies/<policy>/.

python src/07_fuse.py --config configs/sample.yaml [--only NAME | --redo NAME]
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.fuse import fuse

    fuse(experiment, selection)


if __name__ == "__main__":
    run_script(__doc__, main)
