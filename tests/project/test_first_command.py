"""The README's first command on a fresh desktop: it asks nothing, and answers this machine only."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listening(process):
    every = [process, *process.children(recursive=True)]
    found = []
    for one in every:
        with contextlib.suppress(psutil.Error):
            found += [c.laddr.ip for c in one.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    return found


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_the_first_start_on_a_desktop_asks_nothing_and_stays_on_this_machine(tmp_path):
    import pty

    port, (mine, its) = free_port(), pty.openpty()
    surroundings = os.environ | {"HOME": str(tmp_path), "DISPLAY": ":0", "BROWSER": "true"}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    started = subprocess.Popen(command, cwd=ROOT, env=surroundings, stdin=its, stdout=its, stderr=its, close_fds=True)
    os.close(its)
    os.set_blocking(mine, False)
    said, answered, until = b"", False, time.monotonic() + 60
    try:
        while time.monotonic() < until and not answered:
            with contextlib.suppress(BlockingIOError, OSError):
                said += os.read(mine, 65536)
            with contextlib.suppress(OSError):
                answered = urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=2).read() == b"ok"
            time.sleep(0.2)
        assert answered, said.decode(errors="replace")
        assert b"Email" not in said
        assert set(listening(psutil.Process(started.pid))) <= LOOPBACK
    finally:
        for child in [*psutil.Process(started.pid).children(recursive=True), psutil.Process(started.pid)]:
            with contextlib.suppress(psutil.Error):
                child.kill()
        started.wait(10)
        os.close(mine)
