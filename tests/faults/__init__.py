"""The fault matrix: what may go wrong while the scripts run, and what must happen then.

`shop` is the small catalogue and experiment on which it is tried; the other modules hold the rows, by kind of fault;
`table` writes them down for docs/faults.md. `tests/test_faults.py` tries every row with real processes.
"""
