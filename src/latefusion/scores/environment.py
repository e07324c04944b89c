"""The section on the environment of a run: device, precision, threads, versions and code, as each job recorded them."""

from collections import Counter
from collections.abc import Collection, Iterable

from latefusion.scores.results import Results
from latefusion.tables.artifacts import read_json_object

UNKNOWN = "not recorded"


def run_section(results: Results) -> str:
    """Return the section: one line with what is equal for all finished jobs, then a list of what differs."""
    environments = {key: _environment(results, key) for key in sorted(results.done)}
    if not environments:
        return ""
    facts = list(dict.fromkeys(fact for environment in environments.values() for fact in environment))
    shared, differing = [], []
    for fact in facts:
        jobs_by_value: dict[str, list[str]] = {}
        for key, environment in environments.items():
            jobs_by_value.setdefault(environment.get(fact, UNKNOWN), []).append(results.jobs[key].name)
        if len(jobs_by_value) == 1:
            shared.append(f"{fact} {next(iter(jobs_by_value))}")
        else:
            named = _name_jobs(jobs_by_value.values())
            values = "; ".join(
                f"{value} ({', '.join(names)})" for value, names in zip(jobs_by_value, named, strict=True)
            )
            differing.append(f"- {fact} differs: {values}")
    line = f"All jobs: {', '.join(shared)}." if shared else ""
    if not facts:
        line = f"Environment: {UNKNOWN}."
    return "\n\n".join(filter(None, ["## Run", line, "\n".join(differing)]))


def without_folds(names: Iterable[str]) -> list[str]:
    """Return names of jobs, with those of an expert's folds, as in `tfidf/fold-0`, as the expert's name, once each."""
    return list(dict.fromkeys(name.partition("/fold-")[0] for name in names))


def _name_jobs(jobs: Collection[list[str]]) -> list[list[str]]:
    """Return the names of each value's jobs, in as few words as tell them from those of other values."""

    def one_word_per_expert(job: str) -> str:
        return job.partition("/fold-")[0]

    def by_kind(job: str) -> str:
        expert, _, fold = job.partition("/fold-")
        if not fold:
            return f"{expert} joined"
        return f"{expert}'s final fit" if fold == "none" else f"{expert}'s folds"

    forms = (one_word_per_expert, by_kind)
    seen = [Counter(word for names in jobs for word in {form(job) for job in names}) for form in forms]

    def name(job: str) -> str:
        return next((form(job) for form, count in zip(forms, seen, strict=True) if count[form(job)] == 1), job)

    return [list(dict.fromkeys(map(name, names))) for names in jobs]


def _environment(results: Results, key: str) -> dict[str, str]:
    """Return a job's environment as text by name; nested dicts (versions) are flattened, without their own key."""
    recorded = read_json_object(results.experiment.run_root / key / "job.json").get("environment")
    return _flat(recorded) if isinstance(recorded, dict) else {}


def _flat(facts: dict) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in facts.items():
        flat |= _flat(value) if isinstance(value, dict) else {str(name).replace("_", " "): _text(value)}
    return flat


def _text(value: object) -> str:
    return UNKNOWN if value is None else str(value).replace("\n", " ").replace("|", "/")
