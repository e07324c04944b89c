"""Who holds a lock is known to other processes."""

import subprocess
import sys

from latefusion.utils.locks import holder_of


def test_the_holder_of_a_lock_is_known_to_other_processes_until_it_ends(tmp_path):
    assert holder_of(tmp_path / "job") is None
    code = (
        "import sys; from pathlib import Path; from latefusion.utils.locks import holder_of, locked\n"
        "with locked(Path('job')): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        process.stdout.readline()
        assert f"process {process.pid} on " in str(holder_of(tmp_path / "job"))
        process.kill()
    assert (tmp_path / "job.lock").exists()  # it remains, but nobody holds it
    assert holder_of(tmp_path / "job") is None
