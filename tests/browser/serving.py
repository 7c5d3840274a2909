"""A Streamlit server on a free port and a Chromium to look at it, for the browser tests and the screenshots."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SETTLED = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def chromium() -> str | None:
    """Return the browser: `ODD_CHROMIUM`, or the first one found on the path."""
    named = os.environ.get("ODD_CHROMIUM")
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"))
    return named or next((path for path in found if path), None)


@contextmanager
def serving(app: str = "app.py", **environment: str) -> Iterator[str]:
    """Serve an app of this repository and yield its address; on failure the server's log is printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "streamlit", "run", str(ROOT / app), "--server.headless", "true",
        "--server.address", "127.0.0.1", "--server.port", str(port),
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(f"http://127.0.0.1:{port}/_stcore/health", server)
            yield f"http://127.0.0.1:{port}"
        except BaseException:
            log.seek(0)
            print(log.read(), file=sys.stderr)
            raise
        finally:
            server.terminate()
            server.wait(20)


@contextmanager
def filming(browser: Any, film: Path, allowed: bool = True) -> Iterator[Any]:
    """Yield a browser like another, whose only camera plays a video file in a loop, from its beginning when opened."""
    arguments = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}"]
    if allowed:
        arguments.append("--use-fake-ui-for-media-stream")
    filming = browser.browser_type.launch(executable_path=chromium(), args=arguments)
    yield filming
    filming.close()


def showing(state: str) -> AbstractContextManager[str]:
    """Serve the pages over the fake backend in one of its states."""
    return serving("tests/fixtures/app.py", ODD_FIXTURE=state)


def _wait(health: str, server: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"The server did not answer within {seconds:.0f} s.")
