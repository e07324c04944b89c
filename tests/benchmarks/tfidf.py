"""The tfidf expert at the challenge's size: time of each stage and peak memory, on made-up texts of realistic lengths.

    python tests/benchmarks/tfidf.py [--products 85000]

A ninth is held out. The last line is one JSON object with the figures.
"""

import argparse
import json
import logging
import resource
import time

import numpy as np
from texts import draw_products

from latefusion.config import TfidfExpert
from latefusion.experts.text.tfidf import TfidfClassifier, texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--products", type=int, default=85_000)
    parser.add_argument("--classes", type=int, default=27)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    products = draw_products(args.products, args.classes, seed=0)
    targets = products["label"].astype(int).to_numpy()
    held_out = np.arange(len(products)) % 9 == 0
    expert = TfidfExpert(kind="tfidf")
    figures = {"tfidf_products": int((~held_out).sum()), "tfidf_classes": args.classes}

    started = time.perf_counter()
    train, test = texts(products[~held_out], expert), texts(products[held_out], expert)
    del products
    figures["tfidf_clean_s"] = round(time.perf_counter() - started, 1)
    started = time.perf_counter()
    model = TfidfClassifier(expert).fit(train, targets[~held_out])
    figures["tfidf_fit_s"] = round(time.perf_counter() - started, 1)
    started = time.perf_counter()
    preds = model.predict_proba(test).argmax(axis=1)
    figures["tfidf_predict_s"] = round(time.perf_counter() - started, 1)
    figures["tfidf_held_out_accuracy"] = round(float((preds == targets[held_out]).mean()), 4)
    figures |= {f"tfidf_{key}": model.facts[key] for key in ("features", "C", "temperature")}
    figures["tfidf_peak_gib"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
