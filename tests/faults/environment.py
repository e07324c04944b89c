"""What surrounds the process: its environment, its folders, its output."""

import shutil
import subprocess
import sys

from faults.fault import FINE, Ended, Fault, after, run
from faults.processes import SOURCES
from faults.shop import Shop


def _listed_to_head(shop: Shop) -> Ended:
    command = (
        f"{sys.executable} {SOURCES}/02_train_text.py --config shop.yaml --list | head -n 1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], cwd=shop.folder, capture_output=True, text=True, check=False)
    return Ended((done.returncode if done.returncode != 141 else 0,), done.stdout + done.stderr)


def _elsewhere(shop: Shop) -> None:
    """Put weights/ onto another disk, behind a link."""
    shutil.move(shop.folder / "weights", shop.folder / "big disk")
    (shop.folder / "weights").symlink_to(shop.folder / "big disk")


def _a_file_in_place_of(name: str):
    def change(shop: Shop) -> None:
        shutil.move(shop.folder / name, shop.folder / "aside")
        (shop.folder / name).write_text("")

    def undo(shop: Shop) -> None:
        (shop.folder / name).unlink()
        shutil.move(shop.folder / "aside", shop.folder / name)

    return change, undo


WEIGHTS, SUBMISSIONS = _a_file_in_place_of("weights"), _a_file_in_place_of("submissions")

FAULTS = [
    *(
        Fault(
            f"{' '.join(f'{name}={value}' for name, value in env.items())} without a launcher",
            script,
            "refused with the variable's name",
            run(script, env=env, forget=forget),
            says="|".join(env),
        )
        for env, script, forget in (
            ({"RANK": "1"}, "01_prepare.py", ("catalogue",)),
            ({"WORLD_SIZE": "2"}, "02_train_text.py", ("tfidf",)),
            ({"RANK": "abc"}, "07_fuse.py", ("both",)),
            ({"LOCAL_WORLD_SIZE": "0"}, "04_train_image.py", ("cnn",)),
        )
    ),
    Fault("--list | head", "02_train_text.py", "ends quietly", _listed_to_head, status=(FINE,)),
    Fault(
        "HOME unset",
        "02_train_text.py",
        "finishes; all files equal",
        run("02_train_text.py", forget=("text",), env={"HOME": None}),
        status=(FINE,),
    ),
    Fault(
        "an ASCII terminal",
        "08_vote.py",
        "finishes; all files equal",
        run("08_vote.py", env={"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}),
        status=(FINE,),
    ),
    Fault(
        "TMPDIR that is not there",
        "02_train_text.py",
        "finishes; all files equal",
        run("02_train_text.py", forget=("text",), env={"TMPDIR": "/nowhere"}),
        status=(FINE,),
    ),
    Fault(
        "umask 077",
        "02_train_text.py",
        "finishes; all files equal",
        run("02_train_text.py", forget=("tfidf",), umask=0o077),
        status=(FINE,),
    ),
    Fault(
        "no network and HF_HUB_OFFLINE=1",
        "04_train_image.py",
        "finishes; all files equal",
        run("04_train_image.py", forget=("cnn",), env={"HF_HUB_OFFLINE": "1"}),
        status=(FINE,),
    ),
    Fault(
        "weights/ is a link",
        "02_train_text.py",
        "finishes",
        after(_elsewhere, run("02_train_text.py", forget=("text",))),
        status=(FINE,),
        equal=False,
    ),
    Fault(
        "weights is a file",
        "01_prepare.py",
        "refused in words; all files equal after it is removed",
        after(WEIGHTS[0], run("01_prepare.py")),
        says="weights",
        mend=WEIGHTS[1],
    ),
    Fault(
        "submissions is a file",
        "09_predict.py",
        "refused in words; all files equal after it is removed",
        after(SUBMISSIONS[0], run("09_predict.py")),
        says="submissions",
        mend=SUBMISSIONS[1],
    ),
    Fault(
        "the table is gone",
        "02_train_text.py",
        "refused with the folder's content; all files equal when it is back",
        after(lambda shop: shop.products.rename(shop.products.with_name("old.csv")), run("01_prepare.py")),
        says=r"products.csv not found: the folder holds images, old.csv",
        mend=lambda shop: shop.products.with_name("old.csv").rename(shop.products),
    ),
]
