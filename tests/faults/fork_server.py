"""Run the numbered scripts as processes of their own, without paying for their imports each time.

Started by `processes.Server`. It imports what the scripts import, then forks a child for each request, a line of JSON
on standard input, and answers with a line of JSON: the pid, or how a child ended. Scripts with little memory are forked
from a process that has imported less: how they fail at imports of their own is what such a request is about.
"""

import gc
import importlib
import json
import os
import pkgutil
import resource
import runpy
import signal
import sys
import traceback
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path

import latefusion

LIBRARIES = (
    "torch",
    "accelerate",
    "timm",
    "transformers",
    "albumentations",
    "cleanlab.filter",
    "cv2",
    "sentencepiece",
    "sklearn.svm",
    "sklearn.linear_model",
    "torch.utils.tensorboard",
    "pandas",
    "pyarrow.dataset",
    "pyarrow.parquet",
    "scipy.sparse",
    "huggingface_hub",
    "PIL.Image",
    "latefusion.config",
    "latefusion.steps.cli",
    "latefusion.experts.image.cnn",
    "latefusion.experts.probe.image",
    "latefusion.experts.text.transformer",
)


def main() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # a child's collections pass over what is imported
    lean, started_there = fork_lean(), set()
    for module in pkgutil.walk_packages(latefusion.__path__, "latefusion."):
        importlib.import_module(module.name)
    gc.freeze()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        if "memory" in request or request.get("pid") in started_there:
            lean.send(request)
            answer = lean.recv()
            if "pid" in answer:
                started_there.add(answer["pid"])
            elif answer["ended"] is not None:
                started_there.remove(request["pid"])  # the system may give the number to another process
        else:
            answer = answer_to(request)
        print(json.dumps(answer), flush=True)
    os._exit(0)  # at once: the end of an interpreter with all these modules takes seconds


def fork_lean() -> Connection:
    """Fork a server that has imported no more than this, and return the connection to it."""
    ours, theirs = Pipe()
    if os.fork() == 0:
        ours.close()
        while True:
            try:
                theirs.send(answer_to(theirs.recv()))
            except EOFError:
                os._exit(0)
    theirs.close()
    return ours


def answer_to(request: dict) -> dict:
    return {"pid": start(request)} if "argv" in request else {"ended": poll(request["pid"])}


def start(request: dict) -> int:
    pid = os.fork()
    if pid == 0:
        run(request)
    return pid


def poll(pid: int) -> int | None:
    """Return a child's exit status, negative for a signal as in subprocess; None while it runs."""
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def run(request: dict) -> None:
    """Become the script: its folder, arguments, environment, limits, output; never return."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = os.open(request["out"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    null = os.open(os.devnull, os.O_RDONLY)
    for target, source in ((0, null), (1, request.get("stdout") or out), (2, out)):
        os.dup2(os.open(source, os.O_WRONLY) if isinstance(source, str) else source, target)
    os.chdir(request["folder"])
    for key, value in request["env"].items():
        os.environ.pop(key, None) if value is None else os.environ.update({key: value})
    for name, limit in request["limits"].items():
        resource.setrlimit(getattr(resource, name), (limit, limit))
    if "umask" in request:
        os.umask(request["umask"])
    if "memory" in request:
        limit = address_space() + request["memory"]
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    status = 0
    for argv in request["argv"]:
        status = status or run_script(argv)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            status = status or 1
    os._exit(status)


def address_space() -> int:
    """Return the size of this process's address space in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def run_script(argv: list[str]) -> int:
    """Run a script as the interpreter would, and return its exit status."""
    sys.argv = argv
    sys.path.insert(0, os.path.dirname(argv[0]))
    try:
        runpy.run_path(argv[0], run_name="__main__")
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else 0 if stopped.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    main()
