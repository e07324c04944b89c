"""job.json and the files of a run folder."""

import pytest

from latefusion.plan.records import attempt_of, describe_results, read_record, verified
from latefusion.utils.errors import InputError
from latefusion.utils.files import write_json

RECORD = {"fingerprint": "f", "script": "02_train_text.py", "inputs": {}, "run": "r", "files": {}}


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 300, b'{"fingerprint": "f", "scr', b"[1, 2]", b'{"fingerprint": "f"}', b"\xff\xfe", b"null"],
    ids=["empty", "zeros", "cut", "list", "keys missing", "no text", "null"],
)
def test_a_record_that_cannot_be_read_is_a_job_to_do(tmp_path, content, caplog):
    (tmp_path / "job.json").write_bytes(content)
    assert read_record(tmp_path) == {}
    assert "the job counts as not done" in caplog.text


def test_results_exclude_what_differs_from_run_to_run(tmp_path):
    for name in ("log.jsonl", "tensorboard/events", "job.json", "model.safetensors", "tokenizer/vocab.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert set(describe_results(tmp_path)) == {"model.safetensors", "tokenizer/vocab.json"}


def test_files_of_a_job_under_way_are_not_checked_and_others_must_be_recorded(tmp_path):
    write_json(tmp_path / "job.json", RECORD | {"run": None})
    assert verified(tmp_path, "anything") == tmp_path / "anything"
    (tmp_path / "stranger").write_text("x")
    write_json(tmp_path / "job.json", RECORD)
    with pytest.raises(InputError, match="stranger is not one of its files"):
        verified(tmp_path, "stranger")


def test_folders_of_a_job_share_its_token(tmp_path):
    write_json(tmp_path / "job/job.json", RECORD | {"attempt": "a"})
    (tmp_path / "job/folds/fold-1").mkdir(parents=True)
    assert attempt_of(tmp_path / "job/folds/fold-1") == attempt_of(tmp_path / "job") == "a"
    assert attempt_of(tmp_path) is None
