"""Write the fault matrix down: `PYTHONPATH=src:tests python -m faults.table > docs/faults.md`."""

from faults import ALL, INCOMING
from faults.fault import Fault

HEAD = """# What may go wrong, and what happens then

Each row is tried by `tests/pipeline/test_faults.py` with real processes, on a small shop's experiment that has every
kind of step. In every row: no traceback, nothing hangs, nothing is lost, and the scripts say what is wrong. "All files
equal" is tested byte for byte: afterwards all scripts run to the end, and every weight, table, cache, score and
submission is compared with those of an undisturbed run, but for `job.json` and the speeds in `log.jsonl`. Rows about
full and read-only disks mount small ones, and are skipped where that is not allowed.

"Refused" is exit status 2 and a message that names file, row or setting.
"""


def table(faults: list[Fault]) -> str:
    """Return the text of docs/faults.md: a section for each kind of fault, a row for each fault."""
    sections = [HEAD]
    for title, rows in faults.items():
        lines = [f"## {title}", "", "| what goes wrong | script | what happens |", "|---|---|---|"]
        lines += [f"| {_cell(row.what)} | `{row.script}` | {_cell(row.outcome)} |" for row in rows]
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    print(table(ALL | INCOMING), end="")
