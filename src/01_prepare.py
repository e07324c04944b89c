"""Read the catalogue, check its pictures, split it: weights/<experiment>/catalogue/.

python src/01_prepare.py --config configs/sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, only):
    from latefusion.plan.jobs import plan
    from latefusion.plan.runner import run_jobs
    from latefusion.steps.prepare import prepare

    run_jobs(plan(experiment), "01_prepare.py", lambda job: prepare(experiment, job), only)


if __name__ == "__main__":
    run_script(__doc__, main)
