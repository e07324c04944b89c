"""Format the plan as the table that `--list` prints."""

from latefusion.plan.jobs import Job
from latefusion.steps.scripts import SCRIPTS


def describe(jobs: dict[str, Job]) -> str:
    """Return a table with a line per job: name, kind, state, why it is not done, script, the jobs that it needs."""
    rows = [("job", "kind", "state", "why", "script", "needs")]
    for job in jobs.values():
        state, reason = job.status()
        needs = ", ".join(need.name for need in job.needs)
        rows.append((job.name, job.kind, state, reason, SCRIPTS[job.step], needs))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]).rstrip()
        for row in rows
    )
