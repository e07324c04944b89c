"""The challenge's files with three products, and submissions that are right for them."""

from pathlib import Path

CODES = ["10", "40", "2583"]
SIGIR_TEST = (
    "Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n"
    "8\tLivre\t\t108\t208\n7\tJeu\t\t107\t207\n9\tPiscine\t\t109\t209\n"
)
SIGIR_TEST_2 = "Integer_id\tTitle\tDescription\tImage_id\tProduct_id\n11\tPelle\t\t111\t211\n9\tPiscine\t\t109\t209\n"
SIGIR_GOOD = "Integer_id\tImage_id\tProduct_id\tPrdtypecode\n8\t108\t208\t10\n7\t107\t207\t2583\n9\t109\t209\t40\n"
SIGIR_LINES = SIGIR_GOOD.splitlines(keepends=True)
ENS_TEST = ',designation,description,productid,imageid\n5,"Jeu, neuf",,205,105\n4,Livre,,204,104\n6,Lampe,,206,106\n'
ENS_GOOD = ",prdtypecode\n5,2583\n4,10\n6,40\n"
PREDICTIONS_GOOD = 'id\tlabel\tconfidence\na\tbooks\t0.500000\n"b\tc"\ttoys\t1.000000\nd\tbooks\t0.000000\n'
RANKED_GOOD = (
    "id\tlabel\tconfidence\tlabel_2\tconfidence_2\tlabel_3\tconfidence_3\tsplit\n"
    "a\tbooks\t0.600000\ttoys\t0.300000\tlamps\t0.100000\ttest\n"
    '"b\tc"\ttoys\t0.400000\tlamps\t0.400000\tbooks\t0.200000\tnew\n'
    "d\tbooks\t1.000000\ttoys\t0.000000\tlamps\t0.000000\tnew\n"
)


def change(old: str, new: str, good: str = SIGIR_GOOD) -> str:
    assert old in good
    return good.replace(old, new)


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def write_challenge(folder: Path) -> Path:
    """Write the test files and the known codes, which a validator needs, in both layouts."""
    folder.mkdir()
    (folder / "x_test_task1_phase1.tsv").write_text(SIGIR_TEST)
    (folder / "x_test_task1_phase2.tsv").write_text(SIGIR_TEST_2)
    (folder / "X_test_update.csv").write_text(ENS_TEST)
    rows = [(number, number + 100, number + 200, code) for number, code in enumerate(CODES)]
    labels = [SIGIR_LINES[0], *("\t".join(map(str, row)) + "\n" for row in rows)]
    (folder / "Y_train.tsv").write_text("".join(labels))
    (folder / "Y_train_CVw08PX.csv").write_text(
        ",prdtypecode\n" + "".join(f"{number},{code}\n" for number, _, _, code in rows)
    )
    return folder
