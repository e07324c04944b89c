"""Processes that are killed, ended and interrupted."""

import shutil
from signal import SIGINT, SIGKILL, SIGTERM

from faults.fault import INTERRUPTED, KILLED, TERMINATED, Fault, after, struck

CATALOGUE = ("catalogue",)
BEGUN = "job.json"
AGAIN = "continues; all files equal"


def _kill(what: str, script: str, job: str, when: str) -> Fault:
    act = struck(script, SIGKILL, f"{job}/{when}", forget=(job,))
    return Fault(f"SIGKILL {what}", script, AGAIN, act, status=(KILLED,))


def _end(what: str, script: str, job: str, when: str) -> Fault:
    act = struck(script, SIGTERM, f"{job}/{when}", forget=(job,))
    return Fault(
        f"SIGTERM {what}", script, AGAIN, act, status=(TERMINATED,), says="run the same command again to continue"
    )


def _interrupt(what: str, script: str, job: str, when: str) -> Fault:
    act = struck(script, SIGINT, f"{job}/{when}", forget=(job,))
    return Fault(
        f"Ctrl-C {what}", script, AGAIN, act, status=(INTERRUPTED,), says="interrupted; run the same command again"
    )


FAULTS = [
    _kill("when the catalogue is begun", "01_prepare.py", "catalogue", BEGUN),
    _kill("when the images have been checked", "01_prepare.py", "catalogue", "image_issues.csv"),
    _kill("while TF-IDF is fitted", "02_train_text.py", "tfidf", BEGUN),
    _kill("before the first checkpoint", "02_train_text.py", "text", "tokenizer/*"),
    _kill("at a checkpoint in mid-epoch", "02_train_text.py", "text", "checkpoints/step-00000002"),
    _kill("while a checkpoint is written", "02_train_text.py", "text", "checkpoints/*.partial"),
    _kill("when epoch 3 is done", "02_train_text.py", "text", "checkpoints/step-00000012"),
    _kill("when its results are written", "02_train_text.py", "text", "metrics.json"),
    _kill("when its results are written", "03_denoise.py", "denoise", "metrics.json"),
    _kill("in the first fold", "03_denoise.py", "denoise", "folds/fold-0/checkpoints/step-*2"),
    _kill("between two folds", "03_denoise.py", "denoise", "folds/fold-0/probs.parquet"),
    _kill("at a checkpoint", "04_train_image.py", "cnn", "checkpoints/step-00000002"),
    _kill("while weights are written", "04_train_image.py", "cnn", "*.safetensors.partial"),
    Fault(
        "SIGKILL while features are computed",
        "04_train_image.py",
        AGAIN,
        after(
            lambda shop: shutil.rmtree(shop.features),
            struck("04_train_image.py", SIGKILL, f"probe/{BEGUN}", forget=("probe",)),
        ),
        status=(KILLED,),
    ),
    _kill("at a checkpoint", "05_train_dcl.py", "dcl", "checkpoints/step-00000002"),
    _kill("at a checkpoint", "06_train_joint.py", "joint", "checkpoints/step-00000002"),
    _kill("when a policy is begun", "07_fuse.py", "both", BEGUN),
    _kill("when the vote is begun", "08_vote.py", "vote", BEGUN),
    _end("when the catalogue is begun", "01_prepare.py", "catalogue", BEGUN),
    _end("at a checkpoint", "02_train_text.py", "text", "checkpoints/step-00000002"),
    _end("at a checkpoint", "04_train_image.py", "cnn", "checkpoints/step-00000002"),
    _interrupt("when the catalogue is begun", "01_prepare.py", "catalogue", BEGUN),
    _interrupt("at a checkpoint", "02_train_text.py", "text", "checkpoints/step-00000002"),
    _interrupt("between two folds", "03_denoise.py", "denoise", "folds/fold-0/probs.parquet"),
    _interrupt("when a policy is begun", "07_fuse.py", "both", BEGUN),
]
