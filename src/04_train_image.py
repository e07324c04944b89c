"""Train the image experts of stage 1 (cnn, image_probe); writes weights/<experiment>/experts/<expert>/.

python src/04_train_image.py --config configs/sample.yaml [--only NAME | --redo NAME] [--preview]
accelerate launch src/04_train_image.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.train import train

    train(experiment, "image", selection)


def preview(experiment, selection):
    from latefusion.steps.train import preview_images

    preview_images(experiment, "image", selection)


if __name__ == "__main__":
    run_script(__doc__, main, parallel=True, preview=preview)
