"""Write the submitted method's predictions to submissions/<experiment>/, in the catalogue's own submission format.

python src/09_predict.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.predict import predict

    for path in predict(experiment):
        print(f"submission: {path}")


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False)
