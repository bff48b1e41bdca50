import dataclasses

import pytest
import torch

from fake_networks import Nearest
from tcnet.inference import UpscaleOptions
from tcnet.inference.memory import MemoryEstimate, available_memory, estimate_memory
from tcnet.inference.tiling import make_layout
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.ensemble import SelfEnsemble

CPU = torch.device("cpu")


def estimate(propagation="bidirectional", height=180, width=320, dtype=torch.float32, **options):
    network = Nearest(propagation)
    given = UpscaleOptions(**options)
    layout = make_layout(network, given, height, width, given.window, given.tile)
    return estimate_memory(layout, network, dtype, sample_bytes=1)


def test_it_grows_with_window_area_and_precision_and_shrinks_with_tiles():
    base = estimate(window=16)
    assert 1.3 * base.network < estimate(window=32).network < 2 * base.network
    large = estimate(window=16, height=540, width=960)
    assert estimate(window=16, height=1080, width=960).network == 2 * large.network
    # of small frames motion is estimated between several pairs at once
    assert large.network / (540 * 960) < base.network / (180 * 320) < 1.2 * large.network / (540 * 960)
    assert estimate(window=16, dtype=torch.bfloat16).network < base.network
    tiled = estimate(window=16, tile=96)
    assert tiled.network < base.network / 3
    assert tiled.frames > base.frames  # the canvases


def test_an_ensemble_holds_the_pictures_of_a_window():
    network = TCNet(TCNetConfig(channels=8, propagation_blocks=1, refinement_blocks=1))
    layout = make_layout(network, UpscaleOptions(), 180, 320, 16, None)
    plain, ensemble = (
        estimate_memory(layout, net, torch.float32, sample_bytes=1)
        for net in (network, SelfEnsemble(network, "time"))
    )
    assert ensemble.network - plain.network == 16 * (720 * 1280 * 3) * 4


def test_a_stream_holds_a_group_not_a_window():
    assert estimate("forward").network < estimate(window=12).network
    # and so for each tile: what is held does not shrink with them
    held = estimate(window=16).network - estimate(window=12).network
    assert estimate("forward", tile=96).network > 2 * held


def test_a_resized_frame_has_a_smaller_queue_but_a_deeper_canvas():
    assert estimate(scale=2).frames < estimate().frames
    deep, shallow = (
        estimate(**size, tile=96).frames - estimate(**size).frames for size in ({"scale": 2}, {})
    )
    assert deep == 2 * shallow > 0


def test_only_the_network_counts_on_an_accelerator():
    memory = MemoryEstimate(network=3, frames=20, fixed=100)
    assert memory.on(CPU) == 123
    assert memory.on(torch.device("mps")) == 123
    assert memory.on(torch.device("cuda")) == 3
    assert dataclasses.astuple(memory) == (3, 20, 100)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 8000 kB\nMemAvailable:    6000 kB\nSwapTotal: 0 kB\n")
    return tmp_path


def test_linux_tells_what_is_available(root):
    assert available_memory(CPU, root) == 6000 * 1024


def test_a_containers_limit_counts(root):
    group = root / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    assert available_memory(CPU, root) == 6000 * 1024
    (group / "memory.max").write_text(f"{4000 * 1024}\n")
    (group / "memory.current").write_text(f"{3000 * 1024}\n")
    (group / "memory.stat").write_text(f"anon 7\nactive_file 5\ninactive_file {500 * 1024}\n")
    assert available_memory(CPU, root) == 1500 * 1024
    (group / "memory.current").write_text(f"{9000 * 1024}\n")
    assert available_memory(CPU, root) == 0


def test_this_machine_tells_its_memory():
    assert available_memory(CPU) > 2**20
