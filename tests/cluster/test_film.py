"""A film of ten minutes on a cluster that changes under it, and the example of docs/cluster.md."""

import os
import re
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from cluster_fakes import assert_same, write_source

from fake_networks import make_info
from tcnet.inference import UpscaleOptions
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.upscale import upscale_video
from tcnet.video import EncodeOptions, Frame, open_sink

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of Ray, which leaves files to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

PAGE = Path(__file__).parents[2] / "docs" / "cluster.md"
FRAMES = 10 * 60 * 24
SCENE = 24 * 7
TINY = TCNetConfig(
    channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny",
    alignment_depth=1, matching_depth=1,
)  # fmt: skip
SETTINGS = {"options": UpscaleOptions(device="cpu", precision="fp32"), "encode": EncodeOptions(crf=20)}


def write_film(path, height=24, width=32):
    """Scenes of seven seconds that move sideways."""
    random = np.random.default_rng(0)
    info = replace(make_info(FRAMES, height, width), time_base=Fraction(1, 24), frame_rate=Fraction(24))
    sink = open_sink(path, info=info, options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for number in range(FRAMES):
        if number % SCENE == 0:
            scene = (
                random.integers(0, 255, (height // 4, width // 4, 3), dtype=np.uint8)
                .repeat(4, 0)
                .repeat(4, 1)
            )
        sink.write(Frame(np.roll(scene, number, 1), number, 1, Fraction(1, 24)))
    sink.finish()


def test_a_film_is_the_same_when_a_machine_is_lost_and_another_joins(nodes, tmp_path):
    import ray

    from tcnet.cluster import open_cluster

    torch.manual_seed(0)
    save_model(TCNet(TINY), tmp_path / "tiny.safetensors")
    film, model = tmp_path / "film.mkv", str(tmp_path / "tiny.safetensors")
    write_film(film)
    workers = []  # how many there were, whenever that changed

    def follow(now):
        if not workers or workers[-1] != now.activity.workers:
            workers.append(now.activity.workers)
            if workers[-1] == 2 and 3 in workers:
                nodes.add_node(num_cpus=1, object_store_memory=100 * 2**20)
        if now.frames_done > FRAMES // 5 and not lost:
            here = ray.get_runtime_context().get_node_id()
            lost.append(next(node for node in nodes.worker_nodes if node.node_id != here))
            nodes.remove_node(lost[0], allow_graceful=False)

    lost = []
    with open_cluster(nodes.address) as cluster:
        result = upscale_video(
            film, tmp_path / "there.mkv", model=model, cluster=cluster, progress=follow, **SETTINGS
        )
    assert result.frames == FRAMES
    assert workers[-3:] == [3, 2, 3], workers
    assert sum("was lost" in notice for notice in result.notices) == 1
    upscale_video(film, tmp_path / "here.mkv", model=model, **SETTINGS)
    assert_same(tmp_path / "there.mkv", tmp_path / "here.mkv")


def test_the_example_of_the_page_runs(nodes, tmp_path):
    """In a process of its own, with the cluster that RAY_ADDRESS names."""
    [example] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    write_source(tmp_path / "film.mkv", frames=5)
    done = subprocess.run(
        [sys.executable, "-c", f"import tcnet.cluster\n{example}"], cwd=tmp_path, capture_output=True, text=True,
        check=False, timeout=300, env={**os.environ, "RAY_ADDRESS": nodes.address},
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "film.x4.mkv").is_file()
