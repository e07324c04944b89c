"""Read the catalogue, check its images, split it; writes weights/<experiment>/catalogue/.

python src/01_prepare.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.prepare import prepare

    prepare(experiment, selection)


if __name__ == "__main__":
    run_script(__doc__, main)
