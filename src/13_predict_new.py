"""Predict new products with an exported model: a table in, a table with labels and confidences out.

python src/13_predict_new.py --model models/my_shop --products new.csv --images data/images --out predictions.csv
python src/13_predict_new.py --model models/my_shop --products new.csv --out sure.csv --target-precision 0.98
"""

from pathlib import Path

from latefusion.steps.cli import run_script

ARGUMENTS = {
    "--model": {"type": Path, "required": True, "metavar": "DIR", "help": "the folder of an exported model"},
    "--products": {
        "type": Path,
        "required": True,
        "metavar": "FILE",
        "help": "a table with id and title and, if there are any, description and image (a path in --images)",
    },
    "--images": {"type": Path, "metavar": "DIR", "help": "the folder of the images; without it no image is read"},
    "--out": {"type": Path, "required": True, "metavar": "FILE", "help": "predictions: .csv, .tsv, .jsonl or .parquet"},
    "--target-precision": {
        "type": float,
        "metavar": "SHARE",
        "help": "accept predictions of which this share is right, such as 0.98; the others go to <out>-review",
    },
    "--min-confidence": {"type": float, "metavar": "P", "help": "the same, with a threshold of the confidence"},
    "--image-share": {
        "type": float,
        "metavar": "SHARE",
        "help": "if the method is on demand: the share of the products whose images are looked at, such as 0.3",
    },
    "--set": {
        "action": "append",
        "default": [],
        "metavar": "KEY=VALUE",
        "help": "how the table is written, such as catalogue.columns.title=name or catalogue.delimiter=semicolon",
    },
    "--spreadsheet-safe": {
        "action": "store_true",
        "help": "put an apostrophe before text that a spreadsheet would run as a formula (=, +, -, @)",
    },
    "--shard-size": {"type": int, "default": 10_000, "metavar": "N", "help": "products that are predicted at a time"},
    "--overwrite": {
        "action": "store_true",
        "help": "replace --out if it exists; to continue, it is not needed",
    },
}


def main(*, model, products, images, out, set, overwrite, **options):
    from latefusion.steps.predict_new import predict_new, refuse_to_overwrite

    if not overwrite:
        refuse_to_overwrite(out, products)
    for line in predict_new(model, products, images, out, settings=set, **options):
        print(line)


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False, has_experiment=False, arguments=ARGUMENTS)
