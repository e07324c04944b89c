"""Find label issues in the training set with out-of-fold image classifiers; writes weights/<experiment>/denoise/.

python src/03_denoise.py --config configs/sample.yaml
accelerate launch src/03_denoise.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.train import train

    train(experiment, "denoise", selection)


if __name__ == "__main__":
    run_script(__doc__, main, parallel=True)
