"""Train the text experts (transformer, text_cnn, tfidf, text_probe); writes weights/<experiment>/experts/<expert>/.

python src/02_train_text.py --config configs/sample.yaml [--only NAME | --redo NAME]
accelerate launch src/02_train_text.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.train import train

    train(experiment, "text", selection)


if __name__ == "__main__":
    run_script(__doc__, main, parallel=True)
