"""Train the image experts of stage 2 (dcl, from a stage-1 expert); writes weights/<experiment>/experts/<expert>/.

python src/05_train_dcl.py --config configs/sample.yaml [--only NAME | --redo NAME] [--preview]
accelerate launch src/05_train_dcl.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.train import train

    train(experiment, "dcl", selection)


def preview(experiment, selection):
    from latefusion.steps.train import preview_images

    preview_images(experiment, "dcl", selection)


if __name__ == "__main__":
    run_script(__doc__, main, parallel=True, preview=preview)
