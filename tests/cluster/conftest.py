"""A Ray cluster of three nodes on this machine, started once, and gone at the end whatever happens."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

HERE = Path(__file__).parent
FOLDERS = (str(HERE), str(HERE.parent))  # cluster_fakes and fake_networks
sys.path[:0] = FOLDERS

NODE = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
# Ray takes half a minute by default to be sure that a node is dead.
HEALTH = {
    "health_check_period_ms": 1000,
    "health_check_failure_threshold": 4,
    "health_check_timeout_ms": 2000,
}


@pytest.fixture(scope="session")
def nodes():
    pytest.importorskip("ray", reason="the extra cluster is not installed")
    from ray.cluster_utils import Cluster

    folder = Path(tempfile.mkdtemp(prefix="tcnet-", dir="/tmp"))  # names of sockets have to be short
    (folder / "ray").mkdir()
    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_AUTH_MODE": "disabled",  # or whether it asks for a token depends on one in the home folder
        "RAY_TMPDIR": str(folder),
        # Workers unpickle the fakes, which they have to find; pytest's own path does not reach them.
        "PYTHONPATH": os.pathsep.join([*FOLDERS, os.environ.get("PYTHONPATH", "")]),
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    cluster = Cluster()
    try:
        cluster.add_node(**NODE, include_dashboard=False, _system_config=HEALTH)
        for _ in range(2):
            cluster.add_node(**NODE)
        yield cluster
    finally:
        cluster.shutdown()
        shutil.rmtree(folder, ignore_errors=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
