"""The workers of this machine, in a process of their own: `python -m detectors.workers.process MEMORY`.

It prints one line of JSON, the scheduler's address and the keys to talk to it, and ends when its input is closed:
when the process that started it goes, by whatever way, no worker is left behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from shutil import which

import dask
from dask.utils import parse_bytes
from distributed import Nanny, Scheduler, SpecCluster
from distributed.security import Security


def main(memory: str) -> None:
    """Serve until the input is closed."""
    security = Security.temporary()
    with cluster(memory, security) as running:
        names = ("tls_ca_file", "tls_client_cert", "tls_client_key")
        keys = {name: getattr(security, name) for name in names}
        print(json.dumps({"address": running.scheduler_address, "keys": keys}), flush=True)
        sys.stdin.read()


def cluster(memory: str, security: Security) -> SpecCluster:
    """Start a scheduler in this process and one worker process per graphics card, else one."""
    cards = graphics_cards()
    threads = str(os.cpu_count() or 1)
    dask.config.set(
        {
            "distributed.scheduler.allowed-failures": 0,
            "distributed.scheduler.work-stealing": False,
            "distributed.worker.memory.target": False,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": False,
            "distributed.worker.memory.terminate": 0.95,
            "distributed.nanny.pre-spawn-environ": {},
            "distributed.admin.low-level-log-length": 100,
        }
    )
    common = {
        "nthreads": 2,  # one for fits, which need the resource, and one that always answers a person
        "memory_limit": memory,
        "resources": {"fit": 1},
        "security": security,
        "dashboard_address": None,
        "protocol": "tls://",
        "host": "127.0.0.1",
        "silence_logs": "CRITICAL",
    }
    environment = {
        "OMP_NUM_THREADS": threads,
        "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait for a busy core must not keep it busier
        "ODD_WORKER_BYTES": str(parse_bytes(memory)),
    }
    workers = {}
    for number, card in enumerate(cards or [None]):
        own = environment if card is None else environment | {"CUDA_VISIBLE_DEVICES": str(card)}
        workers[number] = {"cls": Nanny, "options": common | {"env": own}}
    scheduler = {
        "cls": Scheduler,
        "options": {
            "protocol": "tls://",
            "host": "127.0.0.1",
            "security": security,
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
        },
    }
    return SpecCluster(scheduler=scheduler, workers=workers, security=security, silence_logs="CRITICAL")


def graphics_cards() -> list[int]:
    """Return the graphics cards' numbers, without importing torch."""
    if not which("nvidia-smi"):
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=10, check=False)
    return list(range(listed.stdout.count("GPU "))) if listed.returncode == 0 else []


if __name__ == "__main__":
    main(sys.argv[1])
