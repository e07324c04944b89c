"""Tell what a file is by its first bytes: a spreadsheet, photo or archive that is named as a text table is refused."""

from pathlib import Path

from latefusion.utils.errors import InputError

# First bytes -> what the file is, and what to do.
KNOWN = {
    b"PK\x03\x04": "an Excel file or another zip archive: if it is from Excel, name it .xlsx, otherwise unpack it",
    b"\xd0\xcf\x11\xe0": "an Excel file of the old form (.xls): save it as .xlsx or .csv",
    b"PAR1": "a Parquet file: name it .parquet",
    b"\x1f\x8b": "packed with gzip: unpack it",
    b"\x89PNG": "a photo (PNG), not a table",
    b"\xff\xd8\xff": "a photo (JPEG), not a table",
    b"GIF8": "a photo (GIF), not a table",
    b"%PDF": "a PDF, not a table",
}
# Suffixes of tables that cannot be read -> how to make one that can.
ADVICE = {
    ".xls": "save it as .xlsx or .csv in the program that wrote it",
    ".ods": "save it as .xlsx or .csv in the program that wrote it",
    ".json": "write one object per line and name it .jsonl; with pandas: "
    "pandas.read_json(FILE).to_json('products.jsonl', orient='records', lines=True)",
    ".gz": "unpack it",
    ".zip": "unpack it",
}


def refuse_other_content(path: Path) -> None:
    """Raise InputError if the file is not text but of a known form. The caller handles files that cannot be opened."""
    with path.open("rb") as file:
        start = file.read(8)
    for first, what in KNOWN.items():
        if start.startswith(first):
            raise InputError(f"{path} is {what}")


def unknown_suffix(path: Path) -> InputError:
    """Return the error about a table whose suffix is not one of those that can be read."""
    advice = f"; {ADVICE[path.suffix.lower()]}" if path.suffix.lower() in ADVICE else ""
    return InputError(f"{path}: the file must end in .csv, .tsv, .parquet, .xlsx, .jsonl or .ndjson{advice}")
