"""A real Ray cluster of three nodes, of which one is killed; a driver that is killed. In this order, for speed:
each connection starts three workers."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace

import pytest
from cluster_fakes import FRAMES, SETTINGS, Slow, assert_same, write_source

from tcnet.errors import MediaError, UsageError
from tcnet.upscale import upscale_video
from tcnet.upscale.output.checkpoint import Checkpoint

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Ray, which leaves files to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

DRIVER = """
import sys
from cluster_fakes import SETTINGS, Slow
from tcnet.cluster import open_cluster
from tcnet.upscale import upscale_video

with open_cluster(sys.argv[1]) as cluster:
    upscale_video(sys.argv[2], sys.argv[3], model=Slow(), cluster=cluster, **SETTINGS)
"""


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    """A folder with a video, and what a single machine makes of it."""
    folder = tmp_path_factory.mktemp("cluster")
    write_source(folder / "in.mkv")
    upscale_video(folder / "in.mkv", folder / "single.mkv", model=Slow(0), **SETTINGS)
    return folder


class Elsewhere:
    """A worker with other versions; imports nothing."""

    def __init__(self, device):
        pass

    def facts(self):
        return {"host": "far", "versions": {"tcnet": "0.0.9", "torch": "2.0"}, "memory": None}


class Bare(Elsewhere):
    def facts(self):
        return {"host": "far", "missing": "No module named 'tcnet'"}


def test_what_does_not_fit_is_refused(nodes):
    """Workers with other versions, both named; devices that are not there. One connection, for speed."""
    from tcnet.cluster import open_cluster
    from tcnet.cluster.cluster import RayCluster
    from tcnet.cluster.connection import connected
    from tcnet.cluster.ray_crew import RayCrew

    with connected(nodes.address):
        for actor, words in (
            (Elsewhere, "the worker on far has tcnet 0.0.9, this machine has 0.2.0: install the same"),
            (Bare, r"worker on far has no tcnet that works \(No module named 'tcnet'\), .* has 0.2.0"),
        ):
            cluster = RayCluster(RayCrew(device="auto", actor=actor, versions={"tcnet": "0.2.0"}))
            with pytest.raises(UsageError, match=words):
                cluster.plan(None, None)
            cluster.close()
        gpus = open_cluster(nodes.address, device="cuda")
        with pytest.raises(UsageError, match="no machine of the cluster has a GPU"), gpus:
            pass


def test_a_cluster_that_scales_itself_is_asked_for_machines(nodes, monkeypatch):
    """And no longer when the run ends. None of the machines here has a GPU; each has one processor."""
    from tcnet.cluster import ray_crew
    from tcnet.cluster.connection import connected

    asked = []
    monkeypatch.setattr(ray_crew, "request_resources", lambda bundles: asked.append(bundles))
    with connected(nodes.address):
        crew = ray_crew.RayCrew(device="cuda", actor=Bare, versions={}, workers=2, start_seconds=0)
        with pytest.raises(MediaError, match="no worker of the cluster was there for 0 s"):
            crew.ready()
        crew.close()
        ray_crew.RayCrew(device="cpu", actor=Bare, versions={}, workers=5).close()
        ray_crew.RayCrew(device="cpu", actor=Bare, versions={}).close()
    assert asked == [[{"GPU": 1}] * 2, [], [{"CPU": 1}] * 5, []]


def segments(output):
    return sum("segment" in line for line in Checkpoint(output).stored()[1])


@pytest.fixture(scope="module")
def killed(nodes, media):
    """Two copies of a run whose driver was killed in the middle."""
    out = media / "killed.mkv"
    command = [sys.executable, "-c", DRIVER, nodes.address, str(media / "in.mkv"), str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    latest = time.monotonic() + 240
    while segments(out) < 4 and process.poll() is None:
        assert time.monotonic() < latest, "the driver does nothing"
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()
    assert process.returncode == -signal.SIGKILL, said
    assert said == ("", "")  # nothing of Ray's on the terminal
    assert 4 <= segments(out) < FRAMES // 10
    shutil.copytree(Checkpoint(out).path, Checkpoint(media / "other.mkv").path)
    return out, media / "other.mkv"


@pytest.fixture(scope="module")
def cluster(nodes, killed):
    """Open for the tests from here on."""
    from tcnet.cluster import open_cluster

    with open_cluster(nodes.address) as opened:
        yield opened


def test_a_run_whose_driver_was_killed_is_continued_on_one_machine(media, killed):
    before = segments(killed[1])
    result = upscale_video(media / "in.mkv", killed[1], model=Slow(0), **SETTINGS)
    assert f"continues an unfinished run: {10 * before} frames are there" in result.notices
    assert_same(killed[1], media / "single.mkv")


def test_a_run_whose_driver_was_killed_is_continued_on_the_cluster(media, killed, cluster):
    told = []
    result = upscale_video(
        media / "in.mkv", killed[0], model=Slow(), cluster=cluster, progress=told.append, **SETTINGS
    )
    assert result.frames == FRAMES
    assert_same(killed[0], media / "single.mkv")
    assert max(now.activity.workers for now in told) == 3
    assert max(now.activity.windows for now in told) > 3
    assert told[-1].fps_per_worker == pytest.approx(told[-1].fps / 3)


@pytest.mark.parametrize("shrink_first", [None, 16])
def test_images_are_the_same_from_a_cluster(media, cluster, tmp_path, shrink_first):
    source = write_source(tmp_path / "short.mkv", frames=25)
    given = SETTINGS | {"options": replace(SETTINGS["options"], shrink_first=shrink_first)}
    newest = []
    upscale_video(source, tmp_path / "here", model=Slow(0), **given)
    upscale_video(source, tmp_path / "there", model=Slow(0), cluster=cluster, on_frame=newest.append, **given)
    names = sorted(path.name for path in (tmp_path / "here").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "there").iterdir())
    for name in names:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes()
    assert [frame.pixels.shape for frame in newest] == [(96, 128, 3)] * 3


@contextmanager
def killing(nodes, at):
    """For `progress`: kills a node, not the one that this process is connected to, after `at` frames."""
    import ray

    ours = ray.get_runtime_context().get_node_id()
    victim = next(node for node in nodes.worker_nodes if node.node_id != ours)
    done = []

    def progress(now):
        if now.frames_done >= at and not done:
            done.append(victim)
            nodes.remove_node(victim, allow_graceful=False)

    yield progress
    assert done, "nothing was killed"


@pytest.mark.slow
def test_a_node_that_is_killed_costs_nothing_but_time(nodes, media, cluster):
    out = media / "survived.mkv"
    with killing(nodes, at=50) as progress:
        result = upscale_video(
            media / "in.mkv", out, model=Slow(0.2), cluster=cluster, progress=progress, **SETTINGS
        )
    assert result.frames == FRAMES
    assert_same(out, media / "single.mkv")
    assert sum("was lost" in notice for notice in result.notices) == 1
    assert cluster.activity().workers == 2


@pytest.mark.slow
def test_a_machine_that_comes_later_helps(nodes, cluster):
    nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20)
    latest = time.monotonic() + 120
    while cluster.activity().workers < 3:
        assert time.monotonic() < latest, "no worker on the new node"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_process_that_is_killed_is_replaced(cluster, media):
    import ray

    out = media / "again.mkv"
    actors = cluster._pool._crew._actors
    pids = []

    def progress(now):
        if now.frames_done >= 50 and not pids:
            pids.append(ray.get(next(iter(actors.values())).facts.remote(), timeout=60)["pid"])
            os.kill(pids[0], signal.SIGKILL)

    result = upscale_video(
        media / "in.mkv", out, model=Slow(), cluster=cluster, progress=progress, **SETTINGS
    )
    assert_same(out, media / "single.mkv")
    assert sum("was lost" in notice for notice in result.notices) >= 1
    assert Counter(notice.split("(")[0] for notice in result.notices)


def test_networks_that_stream_have_nothing_to_share(media, cluster):
    from fake_networks import RunningMean

    with pytest.raises(UsageError, match=r"streams: each frame .*leave out the cluster, .* tcnet-video"):
        upscale_video(media / "in.mkv", media / "no.mkv", model=RunningMean(), cluster=cluster, **SETTINGS)
