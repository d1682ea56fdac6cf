"""Runs one command on a cluster of two nodes on this machine; in it, ADDRESS becomes the cluster's.

python -m benchmarks.scale.two_nodes emogen generate ... --engine ray --address ADDRESS
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any, Final

__all__ = ["LOOPBACK", "MEGABYTE", "patiently"]

MEGABYTE: Final = 2**20
TRIES: Final = 4
# Ray takes 127.0.0.1 for the machine's address in its network.
LOOPBACK: Final = "127.0.0.2"


def main() -> int:
    """Run the command, and return its exit code."""
    from ray.cluster_utils import Cluster

    node = {"num_cpus": 1, "object_store_memory": 100 * MEGABYTE, "node_ip_address": LOOPBACK}
    head = {**node, "include_dashboard": False}
    cluster = patiently(lambda: Cluster(initialize_head=True, head_node_args=head))
    try:
        patiently(lambda: cluster.add_node(**node))
        command = [cluster.address if word == "ADDRESS" else word for word in sys.argv[1:]]
        return subprocess.run(command, check=False).returncode
    finally:
        cluster.shutdown()


def patiently(start: Callable[[], Any]) -> Any:
    """Start something of Ray's; it gives up after half a minute, which a busy machine may take.

    Raises:
        Exception: what went wrong otherwise, or the last time.
    """
    for _ in range(TRIES - 1):
        try:
            return start()
        except Exception as error:
            if "timed out during startup" not in str(error):
                raise
    return start()


if __name__ == "__main__":
    sys.exit(main())
