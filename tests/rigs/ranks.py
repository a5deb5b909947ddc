"""Starts a script on two processes, joined by gloo, and waits for both."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_on_two(script: str, folder: Path) -> None:
    """Run ``python script folder`` as rank 0 and rank 1 of a world of two."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": "2",
        "NODE_RANK": "0",
    }
    with (folder / "errors.txt").open("w") as errors:
        both = [
            subprocess.Popen(
                [sys.executable, script, str(folder)],
                env={**common, "LOCAL_RANK": str(rank), "RANK": str(rank)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            for rank in (0, 1)
        ]
        try:
            codes = [process.wait(timeout=300) for process in both]
        finally:
            for process in both:
                process.kill()
    assert codes == [0, 0], (folder / "errors.txt").read_text()[-3000:]
