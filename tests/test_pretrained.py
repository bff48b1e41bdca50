"""Folders and repositories with config.json and model.safetensors."""

import json
import shutil
import sys
from types import ModuleType

import pytest
import torch
from safetensors.torch import load_file, save_file

from tcnet import TCNet, TCNetConfig, load_model
from tcnet.cli import run
from tcnet.errors import MediaError, UsageError
from tcnet.inference import Upscaler
from tcnet.models import save_model
from tcnet.network.quantisation import expected_ranges

TINY = TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny")


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = TCNet(TINY).eval()
    made.ranges = {name: torch.rand(size) for name, size in expected_ranges(made).items()}
    return made


@pytest.fixture
def folder(network, tmp_path):
    network.save_pretrained(tmp_path / "new" / "tiny")
    return tmp_path / "new" / "tiny"


def same(one, other):
    values, others = one.state_dict(), other.state_dict()
    return one.config == other.config and all(torch.equal(values[key], others[key]) for key in values)


def test_what_is_saved_in_a_folder_is_what_is_loaded(network, folder):
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    config = json.loads((folder / "config.json").read_text())
    assert (config["model_type"], config["channels"]) == ("tcnet", 16)
    network.save_pretrained(folder, dtype=torch.float32)  # in place of the old one
    loaded = TCNet.from_pretrained(folder)
    assert isinstance(loaded, TCNet)
    assert same(loaded, network)
    assert loaded.ranges.keys() == network.ranges.keys()
    for given in (
        load_model(folder),
        load_model(str(folder)),
        Upscaler(folder, precision="fp32").compute.network,
    ):
        assert same(given, network)


def test_folders_come_before_names_and_names_before_the_hub(network, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert same(TCNet.from_pretrained("tcnet-lite"), load_model("tcnet-lite"))
    shutil.copytree(folder, "tcnet-lite")
    shutil.copytree(folder, "somebody/tiny")
    for name in ("tcnet-lite", "somebody/tiny"):
        assert TCNet.from_pretrained(name).config == TINY
    save_model(network, tmp_path / "a.safetensors")
    assert TCNet.from_pretrained("a.safetensors", dtype=torch.bfloat16).dtype == torch.bfloat16


def test_a_weight_file_that_another_program_wrote_has_its_configuration_beside_it(network, folder):
    path = folder / "model.safetensors"
    save_file(load_file(path), path)  # without metadata
    assert TCNet.from_pretrained(folder).config == TINY
    (folder / "config.json").unlink()
    with pytest.raises(MediaError, match=r"model\.safetensors: holds no TCNet configuration"):
        TCNet.from_pretrained(folder)


def change(**fields):
    return lambda config: json.dumps(config | fields)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (change(channels=32), "config.json: differs from the configuration in model.safetensors"),
        (change(model_type="bert"), "config.json: is not of a TCNet: its model_type is not 'tcnet'"),
        (lambda config: "{", "config.json: its configuration is not JSON"),
        (lambda config: "[]", "config.json: its configuration is not a JSON object"),
    ],
)
def test_configurations_that_do_not_fit(folder, text, words):
    path = folder / "config.json"
    path.write_text(text(json.loads(path.read_text())))
    with pytest.raises(MediaError) as caught:
        TCNet.from_pretrained(folder)
    assert words in str(caught.value)


def test_folders_that_will_not_do(network, tmp_path):
    with pytest.raises(
        MediaError, match=r"holds no model\.safetensors; give a folder that save_pretrained wrote"
    ):
        TCNet.from_pretrained(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MediaError, match="file: cannot be written"):
        network.save_pretrained(tmp_path / "file")
    with pytest.raises(
        UsageError, match="no folder and no model is called 'tiny'; the models are tcnet-video, "
    ):
        TCNet.from_pretrained("tiny")


def test_the_command_takes_such_a_folder(folder, tmp_path, capsys):
    assert run(["upscale", str(tmp_path / "gone.mp4"), "--model", str(folder), "--progress", "none"]) == 1
    assert "gone.mp4" in capsys.readouterr().err


@pytest.fixture
def hub(folder, monkeypatch):
    """A hub that has one repository; what it was asked for."""
    asked = []

    def snapshot_download(repository, *, revision=None, allow_patterns=None):
        asked.append((repository, revision, sorted(allow_patterns)))
        if repository != "somebody/tiny":
            raise OSError("404 Client Error.\n\nRepository not found.")
        return str(folder)

    module = ModuleType("huggingface_hub")
    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    return asked


def test_the_hub_is_asked_for_repositories_alone(hub):
    assert TCNet.from_pretrained("somebody/tiny", revision="v1").config == TINY
    assert hub == [("somebody/tiny", "v1", ["config.json", "model.safetensors"])]
    TCNet.from_pretrained("tcnet-lite")
    with pytest.raises(UsageError, match="unknown model 'somebody/tiny'"):
        load_model("somebody/tiny")  # which never downloads anything
    assert len(hub) == 1
    with pytest.raises(MediaError, match="somebody/gone: cannot be read from the hub") as caught:
        TCNet.from_pretrained("somebody/gone")
    assert "\n" not in str(caught.value)


def test_without_the_hubs_library_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(UsageError, match=r"huggingface_hub is needed: pip install '\.\[hub\]' in a checkout"):
        TCNet.from_pretrained("somebody/tiny")


@pytest.mark.parametrize(("features", "dtype"), [("avx512_bf16", torch.bfloat16), ("avx2", torch.float32)])
def test_auto_is_the_format_that_the_processor_computes_fast(folder, monkeypatch, features, dtype):
    monkeypatch.setattr("tcnet.system.cpu_features.cpu_features", lambda: frozenset({features}))
    assert load_model(folder, dtype="auto").dtype == dtype
    with pytest.raises(UsageError, match=r"dtype is .bf16.: give .auto. or a torch\.dtype"):
        load_model(folder, dtype="bf16")
