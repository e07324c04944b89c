"""Configs of experiments that are trained in seconds."""

TINY_CNN = {
    "kind": "cnn",
    "model": "resnet10t",
    "pretrained": False,
    "model_args": {"channels": [8, 8, 16, 16], "stem_width": 8, "output_stride": 16},
    "image": {"resize": 36, "crop": 32},
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.01, "keep_last": 2},
}
TINY_DCL = {
    "kind": "dcl",
    "start_from": "cnn_clean",
    "image": {"resize": 36, "crop": 32},
    "grid": 2,
    "train_on": "clean",
    "train": {"epochs": 1, "batch_size": 32, "lr": 0.001, "keep_last": 1},
}
TINY_TRANSFORMER = {
    "kind": "transformer",
    "scratch": {"vocab_size": 500, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1},
    "max_length": 24,
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.005},
}
TINY_FROZEN = {
    "kind": "joint",
    "text": "camembert",
    "image": "dcl_clean",
    "fusion": "attention",
    "features": "frozen",
    "hidden_size": 16,
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.005},
}
TINY_END_TO_END = TINY_FROZEN | {
    "image": "cnn_raw",
    "fusion": "concat",
    "features": "end_to_end",
    "head_lr_factor": 1,
    "train": {"epochs": 1, "batch_size": 32, "lr": 0.005},
}


def tiny_config() -> dict:
    """The whole recipe at its smallest: every kind of expert that needs no pretrained weights, two policies, a vote."""
    return {
        "sample": {"products": 300, "image_size": 64},
        "catalogue": {"format": "sigir", "root": "data/sample", "test_labels": "hidden/y_test.csv"},
        "split": {"valid_fraction": 0.25},
        "image_cache": 48,
        "experts": {
            "tfidf": {"kind": "tfidf"},
            "camembert": TINY_TRANSFORMER,
            "cnn_raw": TINY_CNN,
            "cnn_clean": TINY_CNN | {"train_on": "clean"},
            "dcl_clean": TINY_DCL,
            "dcl_late": {"kind": "late", "of": "dcl_clean"},
            "frozen": TINY_FROZEN,
            "end_to_end": TINY_END_TO_END,
        },
        "denoise": {"n_folds": 2, "network": TINY_CNN | {"train": {"epochs": 1, "batch_size": 32}}},
        "policies": {
            "one_layer": {"experts": ["tfidf", "dcl_clean"], "layers": 1, "n_folds": 3, "epochs": 5},
            "two_layers": {"experts": ["camembert", "cnn_raw", "dcl_late"], "layers": 2, "n_folds": 3, "epochs": 5},
        },
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }


TINY_TEXT_CNN = {
    "kind": "text_cnn",
    "reads": "title",
    "max_words": 20,
    "embedding_size": 8,
    "filter_widths": [2, 3],
    "filters": 8,
    "train": {"epochs": 2, "batch_size": 32, "lr": 0.01},
}


def tiny_config_of_several() -> dict:
    """Both systems for several labels at their smallest: text CNNs, policies that choose, fusion by inputs."""
    pair, three = ["title", "image"], ["title", "description", "image"]
    policy = {"n_folds": 3, "epochs": 3}
    return {
        "sample": {"products": 300, "image_size": 64},
        "catalogue": {
            "format": "table",
            "root": "data/sample",
            "test_products": "test_products.csv",
            "test_labels": "hidden/y_test.csv",
            "labels": "several",
            "label_separator": "|",
        },
        "split": {"valid_fraction": 0.25},
        "submit": "best",
        "image_cache": 48,
        "experts": {
            "title": TINY_TEXT_CNN,
            "description": TINY_TEXT_CNN | {"reads": "description", "preprocessing": "description", "hidden_size": 8},
            "image": TINY_CNN,
            "multi_step": TINY_FROZEN | {"text": "title", "image": "image", "fusion": "concat"},
        },
        "policies": {
            "chooses": {"kind": "select", "experts": pair, **policy},
            "mean": {"kind": "mean", "experts": pair, "n_folds": 3},
            "max": {"kind": "max", "experts": three, "n_folds": 3},
            "ridge": {"kind": "ridge", "experts": three, "n_folds": 3},
            "texts": {"experts": ["title", "description"], "hidden": [8, 6], "activation": "sigmoid", **policy},
            "three": {"experts": three, "hidden": [8, 6], "activations": ["sigmoid", "tanh"], **policy},
            "on_demand": {"kind": "on_demand", "first": "texts", "then": "three", "n_folds": 3},
        },
        "hardware": {"num_workers": 0, "mixed_precision": "no"},
    }
