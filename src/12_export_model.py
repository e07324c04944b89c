"""Gather the submitted method in one folder, models/<experiment>/, that predicts new products on any machine.

python src/12_export_model.py --config configs/my_shop.yaml
"""

from pathlib import Path

from latefusion.steps.cli import run_script

ARGUMENTS = {
    "--out": {"type": Path, "metavar": "DIR", "help": "the folder to write (default: models/<experiment>)"},
}


def main(experiment, selection, *, out):
    from latefusion.steps.export import export

    print(f"model: {export(experiment, out)}")


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False, arguments=ARGUMENTS)
