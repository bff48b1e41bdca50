import zipfile

import pytest
import torch

from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, BasicVSR, find_basicvsr, load_basicvsr
from tcnet.network import CONFIGS, TCNet
from tcnet.profiling.benchmark import moving_texture
from tcnet.training.start.initialise import embed_basicvsr


def published_key(key):
    """The inverse of what load_basicvsr does: our names in the layout of the published checkpoints."""
    parts = key.split(".")
    if parts[:2] == ["spynet", "levels"]:
        level, layer, name = parts[2:]
        return f"spynet.basic_module.{level}.basic_module.{2 * int(layer)}.{name}"
    return key.replace("trunk.entry.conv.", "trunk.main.0.").replace("trunk.blocks.", "trunk.main.2.")


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return BasicVSR().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def published(network):
    params = {published_key(key): value for key, value in network.state_dict().items()}
    return params | {"spynet.mean": torch.zeros(1, 3, 1, 1), "spynet.std": torch.ones(1, 3, 1, 1)}


def test_a_checkpoint_in_the_published_layout_is_read(network, published, tmp_path):
    assert "backward_trunk.main.2.29.conv2.weight" in published
    assert "spynet.basic_module.5.basic_module.8.bias" in published
    torch.save({"params": published}, tmp_path / "a.pth")
    loaded = load_basicvsr(tmp_path / "a.pth")
    assert not loaded.training
    clip = moving_texture(3, 16, 20)
    assert torch.equal(loaded(clip), network(clip))


def test_what_is_no_checkpoint_is_refused(published, tmp_path):
    path = tmp_path / "a.pth"
    with pytest.raises(MediaError, match="missing"):
        load_basicvsr(path)
    for content in ({"state": {}}, [1]):
        torch.save(content, path)
        with pytest.raises(MediaError, match="no 'params'"):
            load_basicvsr(path)
    torch.save({"params": {key: value for key, value in published.items() if "upconv1" not in key}}, path)
    with pytest.raises(MediaError, match=r"'upconv1\.bias' does not fit"):
        load_basicvsr(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(MediaError, match="not a readable BasicVSR checkpoint"):
        load_basicvsr(path)


class Evil:
    def __reduce__(self):
        return (zipfile.ZipFile, ("run.zip", "w"))


def test_a_checkpoint_runs_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"params": Evil()}, tmp_path / "a.pth")
    with pytest.raises(MediaError, match="not a readable BasicVSR checkpoint"):
        load_basicvsr(tmp_path / "a.pth")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pth"]


def test_a_clip_is_upscaled_frame_by_frame_with_what_came_before_and_after(network):
    clip = moving_texture(3, 16, 20)
    sr = network(clip)
    assert sr.shape == (1, 3, 3, 64, 80)
    assert torch.equal(torch.stack(list(network.frames(clip)), 1), sr)
    changed = clip.clone()
    changed[:, 0] = 0
    assert not torch.equal(network(changed)[:, 2], sr[:, 2])
    changed = clip.clone()
    changed[:, 2] = 0
    assert not torch.equal(network(changed)[:, 0], sr[:, 0])


def test_a_network_begun_from_the_published_weights_equals_basicvsr():
    try:
        path = find_basicvsr("basicvsr-bd")
    except UsageError as error:
        pytest.skip(str(error))
    ours, theirs = TCNet(CONFIGS["tcnet"]).eval(), load_basicvsr(path)
    embed_basicvsr(ours, theirs)
    clip = moving_texture(3, 24, 32)
    with torch.inference_mode():
        assert (ours(clip) - theirs(clip)).abs().max() < 1e-4


def test_every_published_file_has_a_name():
    assert all(
        name.startswith("basicvsr-") and file.endswith(".pth") for name, file in BASICVSR_FILES.items()
    )
