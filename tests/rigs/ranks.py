"""Starts a script on several processes, joined by gloo, and waits for all of them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run_on_ranks(script: str, folder: Path, *, world: int = 2) -> None:
    """Run ``python script folder`` once for each rank, with the rank in its environment."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "WORLD_SIZE": str(world),
        "NODE_RANK": "0",
    }
    with (folder / "errors.txt").open("w") as errors:
        ranks = [
            subprocess.Popen(
                [sys.executable, script, str(folder)],
                env={**common, "LOCAL_RANK": str(rank), "RANK": str(rank)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
            for rank in range(world)
        ]
        try:
            codes = [process.wait(timeout=300) for process in ranks]
        finally:
            for process in ranks:
                process.kill()
    assert codes == [0] * world, (folder / "errors.txt").read_text()[-3000:]
