"""Draw the synthetic sample catalogue into `catalogue.root`, if the config has a `sample` section.

python src/00_draw_sample.py [--config configs/sample.yaml] [--set sample.seed=2021]
"""

import logging

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from sample_catalogue import draw_sample

    if experiment.sample is None:
        logging.info("%s has no sample section: nothing to draw", experiment.name)
        return
    catalogue = experiment.catalogue
    is_new = draw_sample(experiment.sample, layout=catalogue.format, root=catalogue.root)
    logging.info("%s: the synthetic sample catalogue %s", catalogue.root, "is drawn" if is_new else "already exists")


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False)
