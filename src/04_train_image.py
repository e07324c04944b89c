"""Train the image experts of stage 1 (cnn) and predict with them: weights/<experiment>/<expert>/.

python src/04_train_image.py --config configs/sample.yaml [--only NAME] [--preview]
accelerate launch src/04_train_image.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, only):
    from latefusion.steps.train import train

    train(experiment, "04_train_image.py", only)


def preview(experiment, only):
    from latefusion.steps.train import preview_images

    preview_images(experiment, "04_train_image.py", only)


if __name__ == "__main__":
    run_script(__doc__, main, parallel=True, preview=preview)
