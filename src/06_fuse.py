"""Train the policies on the experts' validation probabilities: weights/<experiment>/<policy>/.

python src/06_fuse.py --config configs/sample.yaml [--only NAME]
"""

from functools import cache, partial

from latefusion.cli import run_script


def main(experiment, only):
    from latefusion.fusion.fuse import fuse
    from latefusion.jobs import plan, run_jobs
    from latefusion.prepare import load_prepared

    prepared = cache(partial(load_prepared, experiment))
    run_jobs(plan(experiment), "06_fuse.py", lambda job: fuse(experiment, prepared(), job), only)


if __name__ == "__main__":
    run_script(__doc__, main)
