"""Check submission files as strictly as the challenge does: those in submissions/<experiment>/, or any others.

python src/10_validate.py --config configs/sample.yaml
python src/10_validate.py mine/y_test_task1_phase2_pred.tsv --config configs/rakuten.yaml
python src/10_validate.py mine.tsv --test data/rakuten/x_test_task1_phase2.tsv
"""

from pathlib import Path

from latefusion.steps.cli import run_script

ARGUMENTS = {
    "files": {
        "nargs": "*",
        "type": Path,
        "metavar": "FILE",
        "help": "a submission, named as its challenge requires (default: the files that 09_predict.py wrote)",
    },
    "--test": {
        "type": Path,
        "metavar": "TEST_FILE",
        "help": "check each FILE, whatever its name, against this test file of the challenge, without a config",
    },
    "--codes": {
        "type": Path,
        "metavar": "LABEL_FILE",
        "help": "training labels, to read the known class codes from (default: the file beside the test file)",
    },
}


def main(experiment, selection, *, files, test, codes):
    from latefusion.submission import validate_files

    for accepted in validate_files(experiment, files, test_file=test, label_file=codes):
        print(accepted)


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False, arguments=ARGUMENTS)
