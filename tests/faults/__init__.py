"""The fault matrix: what may go wrong while the scripts run, and what must happen then.

`shop` is the small catalogue and experiment on which it is tried, `fault` what a row is; the other modules hold the
rows, by kind of fault. `incoming` and `predictions` are the same for exports and new products. `table` writes all rows
down for docs/faults.md, and `tests/pipeline/test_faults.py` tries them.
"""

from faults import artefacts, configs, disks, environment, files, kills, memory, predictions, races

ALL = {
    "Kills": kills.FAULTS,
    "Two at once": races.FAULTS,
    "Full and read-only disks": disks.FAULTS,
    "Damaged files of a run": artefacts.FAULTS,
    "Damaged and hostile catalogues": files.FAULTS,
    "Wrong and hostile configs": configs.FAULTS,
    "Environment": environment.FAULTS,
    "Memory and limits": memory.FAULTS,
}
INCOMING = {"Exported models and new products": predictions.FAULTS}
