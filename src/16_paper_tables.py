"""Write the tables and figures of two published systems, for a config that `make submission` has finished.

Policies that choose between text and image, with error analysis, map and cost curve (Zahavy et al. 2016); single
experts against fusion of two and three inputs, and the classes that are missed most (Wirojwatanakul and Wangperawong
2019). Writes weights/<experiment>/scores/paper.md, its tables as CSV, and weights/<experiment>/figures/paper_*.png.

python src/16_paper_tables.py --config configs/walmart_sample.yaml
"""

from latefusion.steps.cli import run_script


def main(experiment, selection):
    from latefusion.steps.paper_tables import write_paper_tables

    print(write_paper_tables(experiment))


if __name__ == "__main__":
    run_script(__doc__, main, has_jobs=False)
