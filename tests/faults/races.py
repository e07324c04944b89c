"""Two processes at once."""

from collections.abc import Callable

from faults.fault import FINE, REFUSED, Fault, after, at_once
from faults.shop import Shop
from latefusion.utils.files import remove

BUSY = r"is being written by process \d+ on .* since 20\d\d-"


def _without(*patterns: str) -> Callable[[Shop], None]:
    """Return a change that removes caches."""

    def change(shop: Shop) -> None:
        for path in [path for pattern in patterns for path in shop.run_root.glob(f"cache/{pattern}")]:
            remove(path)

    return change


FAULTS = [
    Fault(
        "two copies of one job",
        "02_train_text.py",
        "the second is told who has it; all files equal",
        at_once(("02_train_text.py", "--only", "text"), ("02_train_text.py", "--only", "text"), forget=("text",)),
        status=(FINE, REFUSED),
        says=BUSY,
    ),
    Fault(
        "one name, two settings: the second while the first trains",
        "04_train_image.py",
        "the second is told who has it; the first's files equal",
        at_once(
            ("04_train_image.py", "--only", "cnn"),
            ("04_train_image.py", "--only", "cnn", "--set", "experts.cnn.train.lr=0.5"),
            forget=("cnn",),
        ),
        status=(FINE, REFUSED),
        says=BUSY,
    ),
    Fault(
        "01_prepare.py twice",
        "01_prepare.py",
        "the second is told who has it; all files equal",
        at_once(("01_prepare.py",), ("01_prepare.py",), forget=("catalogue",)),
        status=(FINE, REFUSED),
        says=BUSY,
    ),
    Fault(
        "independent jobs without image cache",
        "04_train_image.py",
        "both finish; all files equal",
        after(
            _without("images_*"),
            at_once(
                ("04_train_image.py", "--only", "cnn"),
                ("04_train_image.py", "--only", "clean"),
                forget=("cnn", "clean"),
            ),
        ),
        status=(FINE, FINE),
    ),
    Fault(
        "text and image experts without any cache",
        "02_train_text.py",
        "all finish; all files equal",
        after(
            _without("images_*", "tokens-*"),
            at_once(
                ("02_train_text.py", "--only", "text"),
                ("02_train_text.py", "--only", "tfidf"),
                ("04_train_image.py", "--only", "cnn"),
                forget=("text", "tfidf", "cnn"),
            ),
        ),
        status=(FINE, FINE, FINE),
    ),
    Fault(
        "two policies",
        "07_fuse.py",
        "both finish; all files equal",
        at_once(("07_fuse.py", "--only", "both"), ("07_fuse.py", "--only", "mean"), forget=("both", "mean")),
        status=(FINE, FINE),
    ),
    Fault(
        "scores written three times",
        "08_vote.py",
        "all finish; all files equal",
        at_once(("08_vote.py",), ("08_vote.py",), ("08_vote.py",)),
        status=(FINE, FINE, FINE),
    ),
    Fault(
        "the submission written three times",
        "09_predict.py",
        "all finish; all files equal",
        at_once(("09_predict.py",), ("09_predict.py",), ("09_predict.py",)),
        status=(FINE, FINE, FINE),
    ),
]
