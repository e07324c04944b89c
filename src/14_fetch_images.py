"""Fetch the images of products whose table names them by their addresses on the web, each once.

python src/14_fetch_images.py --config configs/my_shop.yaml
python src/14_fetch_images.py --products new.csv --images data/new
python src/14_fetch_images.py --products new.csv --images data/new --config models/my_shop/config.yaml
"""

from pathlib import Path

from latefusion.steps.cli import run_script

ARGUMENTS = {
    "--config": {
        "type": Path,
        "metavar": "FILE",
        "help": "the config whose catalogue to read; with --products: the config that names the table's columns",
    },
    "--set": {
        "action": "append",
        "default": [],
        "metavar": "KEY=VALUE",
        "help": "override a key of the config; with --products: how the table is written, as for 13_predict_new.py",
    },
    "--products": {"type": Path, "metavar": "FILE", "help": "a table of new products, in place of the catalogue"},
    "--images": {"type": Path, "metavar": "DIR", "help": "with --products: the folder of the images, to fetch into"},
    "--connections": {"type": int, "default": 4, "metavar": "N", "help": "requests to one host at a time (default: 4)"},
    "--pause": {
        "type": float,
        "default": 0.05,
        "metavar": "SECONDS",
        "help": "between the starts of two requests to one host (default: 0.05)",
    },
    "--retries": {"type": int, "default": 3, "metavar": "N", "help": "of an address, after a passing failure"},
    "--timeout": {"type": float, "default": 60, "metavar": "SECONDS", "help": "for one image (default: 60)"},
    "--max-mb": {"type": float, "default": 20, "metavar": "MB", "help": "of one image (default: 20)"},
    "--allow-private": {
        "action": "store_true",
        "help": "also ask servers of this machine and of local networks; only for tables that you trust",
    },
}


def main(*, set, **arguments):
    from latefusion.steps.fetch_images import fetch

    for line in fetch(overrides=set, **arguments):
        print(line)


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False, has_experiment=False, arguments=ARGUMENTS)
