"""Which of how many jobs runs, how far it is, and when all will be done: on made-up records, with a made-up clock."""

import io
import logging
from datetime import datetime

import pytest

from latefusion.config import load_experiment
from latefusion.plan import progress as progress_module
from latefusion.plan.jobs import Job
from latefusion.plan.planning import Selection, plan
from latefusion.plan.progress import ORDER, JobProgress, Overview, seconds_of, work_of
from latefusion.steps.prepare import prepare
from latefusion.steps.scripts import SCRIPTS
from latefusion.utils import progress as bars
from latefusion.utils.errors import StepError
from latefusion.utils.files import write_json, write_yaml
from latefusion.utils.progress import Bar, duration, part, reporting


@pytest.fixture
def jobs(tmp_path, monkeypatch) -> dict[str, Job]:
    """The plan of the sample, in a folder where nothing has run."""
    monkeypatch.chdir(tmp_path)
    return plan(load_experiment())


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """The time in seconds, which stands still unless it is changed."""
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def record(job: Job, seconds: float, work: float, **others) -> None:
    timed = {"fingerprint": job.fingerprint, "kind": job.timed_as, "work": work, "seconds": seconds} | others
    content = {"fingerprint": "", "script": "", "inputs": {}, "run": "x", "files": {}, "timed": timed}
    write_json(job.run_dir / "job.json", content)


def test_a_job_whose_input_alone_has_other_settings_says_so(jobs):
    tfidf = jobs["experts/tfidf"]
    policy = next(job for job in jobs.values() if job.kind == "policy" and tfidf in job.needs)
    write_yaml(policy.run_dir / "config.yaml", policy.settings)
    write_json(
        policy.run_dir / "job.json", {"fingerprint": "other", "script": "", "inputs": {}, "run": "x", "files": {}}
    )
    assert policy.status() == ("to do", f"it needs {policy.needs[0].name}, which is not done")
    write_yaml(policy.run_dir / "config.yaml", policy.settings | {"epochs": -1})
    assert policy.status() == ("to do", "its settings have changed")


def test_a_sample_that_is_not_drawn_names_the_step_that_draws_it(jobs):
    with pytest.raises(StepError, match=r"does not exist.*: run the step 'sample' first") as refused:
        prepare(load_experiment(), Selection())
    assert refused.value.step == "sample"


def test_jobs_are_numbered_in_the_order_of_the_scripts(jobs):
    steps = {job.step for job in jobs.values()}
    assert [step for step in SCRIPTS if step in steps] == [step for step in ORDER if step in steps]
    overview = Overview(jobs)
    assert sorted(map(overview.number, jobs.values())) == list(range(1, len(jobs) + 1))
    scripts = [SCRIPTS[job.step] for job in sorted(jobs.values(), key=overview.number)]
    assert scripts == sorted(scripts)


def test_times_come_from_the_same_settings_then_the_same_name_then_the_same_kind(jobs):
    raw, clean = jobs["experts/resnet_raw"], jobs["experts/resnet_clean"]
    wanted = work_of(raw)
    overview = Overview(jobs)
    overview.begin(raw)
    assert overview.estimate(raw) is None
    record(clean, 100, 2 * wanted)
    overview.begin(raw)
    assert overview.estimate(raw) == 50  # half the work
    assert overview.estimate(jobs["experts/tfidf"]) is None
    record(raw, 30, wanted, fingerprint="of other settings")
    overview.begin(raw)
    assert overview.estimate(raw) == 30
    record(raw, 20, wanted / 2)
    overview.begin(raw)
    assert overview.estimate(raw) == 40


def test_times_of_other_experiments_serve_and_damaged_records_do_not(jobs, tmp_path):
    raw = jobs["experts/resnet_raw"]
    other = tmp_path / "weights/other"
    (other / "catalogue").mkdir(parents=True)
    for name, timed in {"a": {"kind": "cnn"}, "b": "half", "c": {"work": 0}}.items():
        write_json(other / "experts" / name / "job.json", {"timed": timed})
    own = {"fingerprint": raw.fingerprint, "kind": "cnn", "work": work_of(raw), "seconds": 7}
    content = {"fingerprint": "", "script": "", "inputs": {}, "run": None, "files": {}, "timed_before": own}
    write_json(other / "experts/d/job.json", content)
    overview = Overview(jobs)
    overview.begin(raw)
    assert overview.estimate(raw) == 7


def test_a_redone_job_keeps_its_last_time_and_an_interrupted_one_adds_up(jobs):
    job = jobs["experts/tfidf"]
    job.begin("02_train_text.py")
    job.add_seconds(4)
    job.finish(timed={"seconds": 5, "work": 2})
    assert seconds_of(job) == 9
    job.begin("02_train_text.py", redo=True)
    assert seconds_of(job) == 9  # of the last time
    job.finish(timed={"seconds": 3, "work": 2})
    assert seconds_of(job) == 3


def test_estimates_name_what_is_not_known(clock):
    unknown = JobProgress("1/9", "job 1 of 9: a", expected=None, others=0, n_unknown=8)
    assert unknown.left() == "its time is not known, it was never timed; all jobs: not known, 9 were never timed"
    some = JobProgress("1/9", "job 1 of 9: a", expected=60, others=120, n_unknown=3)
    assert some.left().startswith("about 1 min more; all jobs: at least 3 min more, until ")
    assert some.left().endswith("; 3 of them were never timed")
    one = JobProgress("1/9", "job 1 of 9: a", expected=60, others=120, n_unknown=1)
    assert one.left().endswith("; 1 of them was never timed")
    short = JobProgress("1/9", "", expected=None, others=0.2, n_unknown=7)
    assert short.left_in_all() == "all jobs: not known, 8 were never timed"
    known = JobProgress("9/9", "job 9 of 9: a", expected=60, others=60, n_unknown=0)
    clock[0] += 30
    assert known.left().startswith("about 30 s more; all jobs: about 2 min more, until ")
    assert known.left().endswith("(estimated)")
    assert JobProgress("9/9", "", expected=5, others=0, n_unknown=0).left() == "about 5 s more; no other job is left"


def test_a_job_that_takes_longer_than_expected_is_not_said_to_end_at_once(clock):
    late = JobProgress("1/9", "", expected=3, others=120, n_unknown=0)
    clock[0] += 5
    assert late.left().startswith(
        "it takes longer than the 3 s that were expected; all jobs: at least 2 min more, until "
    )
    assert late.left(stage=60).startswith("at least 1 min more; all jobs: at least 3 min more, until ")


def test_no_time_is_in_the_past(monkeypatch):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 1, 10, 22, 35, tzinfo=tz)

    monkeypatch.setattr(progress_module, "datetime", Clock)
    some = JobProgress("1/9", "", expected=None, others=3, n_unknown=0)
    assert some.left().endswith("all jobs: at least 3 s more, until 10:23; 1 of them was never timed")
    assert JobProgress("1/9", "", expected=25, others=3600, n_unknown=0).left().endswith("until 11:23 (estimated)")


def test_policies_are_estimated_by_policies_of_their_kind(jobs):
    """Boosting takes longer than rules."""
    kinds = {job.settings["kind"]: job for job in jobs.values() if job.kind == "policy"}
    overview = Overview(jobs)
    record(kinds["mean"], 1, 1)
    overview.begin(kinds["boosting"])
    assert overview.estimate(kinds["boosting"]) is None
    assert overview.estimate(kinds["mean"]) is not None


def test_a_job_under_way_is_estimated_by_its_own_speed_also_after_an_interrupt(clock):
    progress = JobProgress("1/1", "", expected=1e6, others=0, n_unknown=0)
    progress.advance(0.5)  # done before the interrupt
    assert progress.seconds_left() == 5e5
    clock[0] += 60
    progress.advance(0.75)
    assert progress.seconds_left() == pytest.approx(60)


def lines_of(caplog, total: int, **keywords) -> list[str]:
    """Count to the total with a bar whose output is no terminal, a line at each count."""
    caplog.clear()
    with caplog.at_level(logging.INFO), Bar(total=total, file=io.StringIO(), **keywords) as bar:
        for _ in range(total - keywords.get("initial", 0)):
            bar.update()
    return [entry.getMessage() for entry in caplog.records]


def test_without_a_terminal_bars_are_lines_that_name_the_job(caplog, monkeypatch, clock):
    monkeypatch.setattr(bars, "EVERY", 0)
    assert lines_of(caplog, 2, desc="tokens") == ["tokens: 50 %", "tokens: 100 %"]
    job = JobProgress("2/9", "job 2 of 9: experts/bert", expected=8, others=0, n_unknown=0)
    with reporting(job):
        tokens, *_ = lines_of(caplog, 4, desc="tokens")
        network, *_ = lines_of(caplog, 4, desc="bert", measures_job=True, initial=1)
        with part(1, 2):
            fold, *_ = lines_of(caplog, 2, desc="fold 1", measures_job=True)
            assert job.share == 1
    rest = "about 8 s more; no other job is left"
    assert tokens == f"job 2 of 9: experts/bert, tokens: 25 %; {rest}"
    assert network.startswith("job 2 of 9: experts/bert: 50 %; ")
    assert fold.startswith("job 2 of 9: experts/bert, fold 1: 50 %; ")
    assert lines_of(caplog, 2, desc="of another process", is_main=False) == []


def test_a_bar_within_a_job_is_a_lower_bound_for_the_job(caplog, monkeypatch, clock):
    """Of a job that was never timed, features are computed: 20 % took a minute."""
    monkeypatch.setattr(bars, "EVERY", 0)
    caplog.set_level(logging.INFO)
    job = JobProgress("2/9", "job", expected=None, others=180, n_unknown=0)
    with reporting(job), Bar(total=10, desc="features", file=io.StringIO()) as bar:
        clock[0] += 60
        bar.update(2)
    (line,) = [entry.getMessage() for entry in caplog.records]
    assert line.startswith("job, features: 20 %; at least 4 min more; all jobs: at least 7 min more, until ")


def test_hidden_bars_count_and_hand_on_what_they_iterate_over():
    hidden = Bar(range(3), "counting", file=io.StringIO())
    assert list(hidden) == [0, 1, 2]
    assert (hidden.n, hidden.total) == (3, 3)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "1 h"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_durations_are_rounded(seconds, text):
    assert duration(seconds) == text


def test_the_latest_experiments_are_read_alone(jobs, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(progress_module, "read_times", lambda root: read.append(root.name) or [])
    for number in range(9):
        (tmp_path / f"weights/e{number}/catalogue").mkdir(parents=True)
    Overview(jobs)
    assert len(read) == progress_module.OTHER_EXPERIMENTS
