"""A cluster that scales itself: Ray's autoscaler, with its provider of pretended machines, which are processes here."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from cluster_fakes import assert_same, write_source

from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig

pytestmark = pytest.mark.slow

TINY = TCNetConfig(
    channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny",
    alignment_depth=1, matching_depth=1,
)  # fmt: skip
MACHINE = {"CPU": 1, "object_store_memory": 100 * 2**20}
COMMANDS = [
    f"{place}_{kind}"
    for place, kind in (
        ("head", "setup_commands"), ("worker", "setup_commands"), ("head", "start_ray_commands"),
        ("worker", "start_ray_commands"),
    )
]  # fmt: skip


def configuration(address):
    """No machines at first, two at most; one that is idle for six seconds goes."""
    return {
        "cluster_name": "pretended",
        "max_workers": 2,
        "upscaling_speed": 10.0,
        "idle_timeout_minutes": 0.1,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": address,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "available_node_types": {
            "head": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            "machine": {"resources": MACHINE, "node_config": {}, "min_workers": 0, "max_workers": 2},
        },
        "head_node_type": "head",
        **{name: {} for name in ("auth", "docker", "file_mounts")},
        **{name: [] for name in ("initialization_commands", "setup_commands", *COMMANDS)},
        **{name: [] for name in ("cluster_synced_files", "rsync_exclude", "rsync_filter")},
        "file_mounts_sync_continuously": False,
    }


def processes(folder):
    """Those that Ray started in a folder, which their command lines name."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in entry.read_bytes():
                yield int(entry.parent.name)
        except OSError:  # it has ended meanwhile
            continue


@pytest.fixture
def scaling():
    """(address, Ray's folder) of a cluster of a head without processors."""
    pytest.importorskip("ray", reason="the extra cluster is not installed")
    if sys.platform != "linux":
        pytest.skip("its processes are found in /proc")
    from ray._private.services import get_node_ip_address

    folder = Path(tempfile.mkdtemp(prefix="tcnet-", dir="/tmp"))  # names of sockets have to be short
    with socket.socket() as free:
        free.bind(("", 0))
        address = f"{get_node_ip_address()}:{free.getsockname()[1]}"
    (folder / "cluster.json").write_text(json.dumps(configuration(address)))
    settings = {
        "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_AUTH_MODE": "disabled", "RAY_FAKE_CLUSTER": "1",
        "RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip
    head = subprocess.Popen(
        [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=0",
         f"--port={address.rpartition(':')[2]}", f"--object-store-memory={100 * 2**20}",
         "--include-dashboard=false", f"--autoscaling-config={folder / 'cluster.json'}"],
        env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield address, folder
    finally:
        head.terminate()
        head.wait(60)
        for process in processes(folder):
            os.kill(process, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


def waits_until(happens, seconds):
    latest = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < latest
        time.sleep(0.5)


def machines(folder):
    return (
        sum("/raylet\0" in (Path("/proc") / str(each) / "cmdline").read_text() for each in processes(folder))
        - 1
    )


def test_machines_are_started_for_a_run_and_stopped_after_it(scaling, tmp_path):
    address, folder = scaling
    weights, film = tmp_path / "tiny.safetensors", write_source(tmp_path / "film.mkv")
    save_model(TCNet(TINY), weights)
    upscale = (sys.executable, "-m", "tcnet", "upscale", film, "--model", weights, "--precision", "fp32")
    workers = ("--cluster", address, "--cluster-workers", "2", "--device", "cpu", "--progress", "json")
    waits_until(lambda: machines(folder) == 0, 120)
    there = subprocess.Popen(
        [*upscale, "-o", tmp_path / "there.mkv", *workers], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "RAY_AUTH_MODE": "disabled"},
    )  # fmt: skip
    waits_until(lambda: machines(folder) == 2 or there.poll() is not None, 300)
    reports, errors = there.communicate(timeout=600)
    assert there.returncode == 0, errors
    seen = [json.loads(line) for line in reports.splitlines()]
    assert {each["workers"] for each in seen if each["event"] == "progress"} <= {1, 2}
    waits_until(lambda: machines(folder) == 0, 120)
    here = subprocess.run(
        [*upscale, "-o", tmp_path / "here.mkv"], capture_output=True, check=False, timeout=600
    )
    assert here.returncode == 0
    assert_same(tmp_path / "there.mkv", tmp_path / "here.mkv")
