"""Serve an exported model over HTTP: a page to try it, and a JSON endpoint (docs/serving.md).

python src/15_serve.py --model models/my_shop
python src/15_serve.py --model models/my_shop --host 0.0.0.0 --port 8080 --target-precision 0.98
"""

from pathlib import Path

from latefusion.steps.cli import run_script

ARGUMENTS = {
    "--model": {"type": Path, "required": True, "metavar": "DIR", "help": "the folder of an exported model"},
    "--host": {"default": "127.0.0.1", "help": "the address to listen on (default: 127.0.0.1, this machine alone)"},
    "--port": {"type": int, "default": 8000, "help": "the port (default: 8000; 0: any free one)"},
    "--target-precision": {
        "type": float,
        "metavar": "SHARE",
        "help": "mark predictions as accepted of which this share is right, such as 0.98 (default: all are)",
    },
    "--min-confidence": {"type": float, "metavar": "P", "help": "the same, with a threshold of the confidence"},
    "--image-share": {
        "type": float,
        "metavar": "SHARE",
        "help": "if the method is on demand: the share of the products whose images are looked at, such as 0.3",
    },
}
LIMITS = {
    "--max-body-mb": (float, "megabytes of a request (default: 16)"),
    "--max-products": (int, "products in a request (default: 32)"),
    "--max-characters": (int, "characters of a title or a description (default: 100000)"),
    "--max-pixels": (int, "pixels of an image; larger ones are left out (default: 50000000)"),
    "--max-seconds": (float, "seconds for a request (default: 30)"),
    "--max-waiting": (int, "requests that wait or are predicted at one time (default: 256)"),
    "--max-waiting-mb": (float, "megabytes of their bodies (default: 256)"),
    "--batch-size": (int, "products of several requests that are predicted together (default: 64)"),
}
ARGUMENTS |= {name: {"type": kind, "metavar": "N", "help": text} for name, (kind, text) in LIMITS.items()}


def main(*, model, host, port, target_precision, min_confidence, image_share, batch_size, **given):
    from latefusion.service.limits import Limits
    from latefusion.steps.serve import serve

    limits = {name.removeprefix("max_"): value for name, value in (given | {"max_batch": batch_size}).items()}
    serve(
        model, host=host, port=port, target_precision=target_precision, min_confidence=min_confidence,
        image_share=image_share,
        limits=Limits(**{name: value for name, value in limits.items() if value is not None}),
    )  # fmt: skip


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False, has_experiment=False, arguments=ARGUMENTS)
