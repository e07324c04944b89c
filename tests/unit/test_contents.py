"""A folder, a spreadsheet, a photo or an archive that is named as a table is refused with what it is and what to do."""

import pandas as pd
import pytest

from latefusion.catalogue.contents import ADVICE, KNOWN
from latefusion.catalogue.reading import find_file, no_table, read_rows
from latefusion.utils.errors import InputError
from latefusion.utils.nearest import plural


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
@pytest.mark.parametrize("start", KNOWN)
def test_other_files_are_told_by_their_first_bytes(tmp_path, start, suffix):
    path = tmp_path / f"products{suffix}"
    path.write_bytes(start + b"\0\1,title\n")
    with pytest.raises(InputError, match=f"products{suffix} is {KNOWN[start][:8]}"):
        read_rows(path)


def test_real_spreadsheets_are_recognised_and_texts_are_not(tmp_path):
    pd.DataFrame({"id": ["a"]}).to_excel(tmp_path / "table.xlsx", index=False)
    (tmp_path / "table.xlsx").rename(tmp_path / "table.csv")
    with pytest.raises(InputError, match=r"an Excel file .* name it \.xlsx"):
        read_rows(tmp_path / "table.csv")
    for text in ("PK,title\n1,lamp\n", "GIF,title\n1,lamp\n"):
        (tmp_path / "text.csv").write_text(text)
        assert len(read_rows(tmp_path / "text.csv")) == 1


@pytest.mark.parametrize("suffix", ADVICE)
def test_tables_of_other_forms_are_refused_with_advice(tmp_path, suffix):
    (tmp_path / f"table{suffix}").write_bytes(b"x")
    with pytest.raises(InputError, match=r"the file must end in \.csv") as caught:
        read_rows(tmp_path / f"table{suffix}")
    assert ADVICE[suffix] in str(caught.value)


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "shop").mkdir()
    assert no_table(tmp_path / "shop").endswith("shop is a folder: name the table in it")
    (tmp_path / "shop/new.csv").touch()
    with pytest.raises(InputError, match=r"shop is a folder: name the table in it, such as .*shop/new\.csv"):
        find_file(tmp_path, "shop")
    assert no_table(tmp_path / "none.csv").endswith("none.csv: there is no such file")


def test_numbers_agree_with_their_nouns():
    counts = [plural(n, "image") for n in (0, 1, 2000)]
    assert counts == ["0 images", "1 image", "2,000 images"]
    assert plural(1, "class has", "classes have") == "1 class has"
