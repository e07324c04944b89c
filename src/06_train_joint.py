"""Train the joint experts (feature-level fusion) and predict with them; writes weights/<experiment>/experts/<expert>/.

python src/06_train_joint.py --config configs/sample.yaml [--only NAME | --redo NAME]
accelerate launch src/06_train_joint.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.train import train

    train(experiment, "joint", selection)


if __name__ == "__main__":
    run_script(__doc__, main, parallel=True)
