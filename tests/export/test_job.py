"""Writing exports: what the files say, and that nothing stands there that is not whole and right."""

import copy
import errno
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from tcnet.errors import MediaError, UsageError
from tcnet.export import export_model, open_export
from tcnet.export.export_job import _scratch_folder, exported_for_run
from tcnet.export.manifest import read_manifest
from tcnet.export.parity import CLIP_LENGTHS, SIZES, TOLERANCE, moving_clip
from tcnet.models import load_model, save_model
from tcnet.network import TCNet
from tcnet.video import write_png

QUICK = {"sizes": ((17, 19),), "clip_lengths": (2,)}
GRAPHS = ("motion", "warp", "propagate", "stabilise", "refine", "reconstruct")


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_folder_holds_the_graphs_and_what_is_to_be_known_of_them(exports, networks):
    folder = exports["bidirectional"]
    assert files(folder) == sorted(["README.md", "manifest.json", *(f"{name}.onnx" for name in GRAPHS)])
    manifest = json.loads((folder / "manifest.json").read_text())
    assert tuple(manifest["graphs"]) == GRAPHS
    assert {key: manifest[key] for key in ("format", "kind", "propagation", "group_size", "channels")} == {
        "format": "tcnet-export-1",
        "kind": "onnx",
        "propagation": "bidirectional",
        "group_size": 4,
        "channels": 16,
    }
    assert (manifest["scale"], manifest["minimum_size"], manifest["spatial_multiple"]) == (4, 16, 16)
    assert len(manifest["weights"]) == 16
    assert 0 < manifest["parity"]["max_abs_error"] < TOLERANCE / 5
    assert manifest["graphs"]["refine"]["inputs"] == [
        {"name": "neighbourhood", "shape": [1, 9, "h", "w"]},
        {"name": "fused", "shape": [1, 16, "h", "w"]},
        {"name": "aligned", "shape": [1, 16, "h", "w"]},
    ]
    readme = (folder / "README.md").read_text()
    assert all(f"`{name}.onnx`" in readme for name in GRAPHS)


@pytest.mark.parametrize("name", GRAPHS)
@pytest.mark.parametrize("kind", ["bidirectional", "lite"])
def test_graphs_are_opset_18_with_free_sizes(exports, kind, name):
    folder = exports[kind]
    model = onnx.load(folder / f"{name}.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    step = read_manifest(folder).graphs[name]
    for entries, specs in ((model.graph.input, step.inputs), (model.graph.output, step.outputs)):
        found = {
            entry.name: tuple(dim.dim_param or dim.dim_value for dim in entry.type.tensor_type.shape.dim)
            for entry in entries
        }
        assert found == {spec.name: spec.shape for spec in specs}
        assert all(len(shape) == 4 and isinstance(shape[2], str) for shape in found.values())
    assert model.graph.doc_string == "" or model.doc_string
    assert {entry.key for entry in model.metadata_props} == {"model", "licence", "weights"}


def test_only_motion_and_warping_have_to_be_float32(exports):
    graphs = read_manifest(exports["lite"]).graphs
    assert [name for name, step in graphs.items() if step.float32] == ["motion", "warp"]
    grids = {
        name: sum(node.op_type == "GridSample" for node in onnx.load(exports["lite"] / step.file).graph.node)
        for name, step in graphs.items()
    }
    assert {name for name, count in grids.items() if count} == {"motion", "warp"}


def test_half_weights_are_half_as_large_and_the_same_for_weights_stored_so(networks, tmp_path):
    path = tmp_path / "small.safetensors"
    save_model(networks["lite"], path)
    full = export_model(path, "onnx", tmp_path / "full", **QUICK)
    half = export_model(str(path), "onnx", tmp_path / "half", half_weights=True, **QUICK)
    weights = sum(value.numel() for value in networks["lite"].parameters())
    assert full.size - half.size > 1.5 * weights
    assert (full.manifest.model, half.manifest.weight_type) == ("small", "float16")
    assert full.manifest.weights == half.manifest.weights
    clip = moving_clip(2, 18, 17)
    one, other = (open_export(result.output, "onnxruntime") for result in (full, half))
    assert np.array_equal(one(clip).numpy(), other(clip).numpy())
    assert abs(one.weight_bytes - other.weight_bytes) < 2**20


def test_graphs_that_differ_are_not_kept(networks, tmp_path):
    with pytest.raises(
        MediaError, match=r"^TCNet: .* differ from PyTorch by \d\.\de-0\d \(onnxruntime"
    ) as caught:
        export_model(networks["lite"], "onnx", tmp_path / "out", tolerance=0.0, **QUICK)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == []


@pytest.mark.parametrize("at", ["writing stabilise", "comparing the pictures with PyTorch's"])
def test_an_interruption_leaves_nothing(networks, tmp_path, at):
    def stop(step):
        if step == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_model(networks["lite"], "onnx", tmp_path / "out", on_step=stop, **QUICK)
    assert files(tmp_path) == []


def test_an_earlier_export_is_replaced_only_when_asked_for(networks, tmp_path):
    out, killed = tmp_path / "out", tmp_path / ".out.part"
    for folder in (out, killed):
        folder.mkdir()
        (folder / "notes.txt").write_text("mine")
    with pytest.raises(MediaError, match=r"out: exists already; .*--overwrite"):
        export_model(networks["lite"], "onnx", out, **QUICK)
    with pytest.raises(MediaError, match=r"out: is not an exported model"):
        export_model(networks["lite"], "onnx", out, overwrite=True, **QUICK)
    (out / "manifest.json").write_text("{}")
    export_model(networks["lite"], "onnx", out, overwrite=True, **QUICK)
    assert "notes.txt" not in files(out)
    assert files(tmp_path) == ["out"]  # what a killed export left is gone too


def test_an_earlier_export_is_there_until_the_new_one_is_in_place(tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "manifest.json").write_text("{}")
    rename = Path.rename

    def full(path, target):
        if path.name == ".out.part":
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", full)
        with (
            pytest.raises(MediaError, match=r"out: cannot be written \(No space left on device\)"),
            _scratch_folder(out, overwrite=True) as work,
        ):
            (work / "graph.onnx").touch()
    assert (files(tmp_path), files(out)) == (["out"], ["manifest.json"])
    out.rename(tmp_path / ".out.old")  # as a process leaves it that is killed at that moment
    with pytest.raises(MediaError, match=r"out: exists already"), _scratch_folder(out, overwrite=False):
        pass
    assert (files(tmp_path), files(out)) == (["out"], ["manifest.json"])


def test_what_cannot_be_exported_is_refused_before_any_work(networks, tmp_path):
    with pytest.raises(UsageError, match="unknown format 'tflite': choose one of onnx, openvino"):
        export_model(networks["lite"], "tflite", tmp_path / "out")
    with pytest.raises(UsageError, match="unknown model 'tcnet-xl'"):
        export_model("tcnet-xl", "onnx", tmp_path / "out")
    with pytest.raises(MediaError, match="no such folder"):
        export_model(networks["lite"], "onnx", tmp_path / "gone" / "out")
    ablated = TCNet(replace(networks["lite"].config, long_term=False)).eval()
    with pytest.raises(UsageError, match="without its short or long term"):
        export_model(ablated, "onnx", tmp_path / "out")
    assert files(tmp_path) == []


def test_an_export_for_a_run_needs_no_folder(networks):
    reduced = copy.deepcopy(networks["lite"]).bfloat16()  # exported as if it were in float32
    exported = exported_for_run(reduced, "onnxruntime")
    assert exported.manifest.parity is None
    assert exported(moving_clip(1, 16, 16)).shape == (1, 1, 3, 64, 64)


BLOCKED = """
import sys
sys.modules.update(dict.fromkeys(["onnx", "onnxscript", "onnxruntime", "openvino"]))  # as if not installed
from tcnet.cli import run
print(run(["export", "-o", "out"]), run(["export", "--format", "openvino", "-o", "out"]))
print(run(["upscale", "in", "--engine", "openvino"]), run(["models"]))
"""


def test_without_the_extra_the_error_names_it(tmp_path):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "0.png", np.zeros((16, 16, 3), np.uint8))
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "2 2"
    assert done.stdout.splitlines()[-1] == "2 0"
    assert (
        done.stderr.splitlines()
        == ["error: onnx is not installed: pip install '.[export]' in a checkout of tcnet"] * 3
    )
    assert files(tmp_path) == ["in"]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
@pytest.mark.parametrize("name", ["tcnet-bi", "tcnet-video"])
def test_the_models_of_the_package(tmp_path, name, format):
    result = export_model(name, format, tmp_path / "out", half_weights=True)
    assert result.parity.max_abs_error < TOLERANCE / 5
    assert (result.parity.sizes, result.parity.clip_lengths) == (SIZES, CLIP_LENGTHS)
    assert result.manifest.licence.startswith("Apache-2.0")
    assert result.size < 1.1 * 2 * sum(value.numel() for value in load_model(name).parameters()) + 2**20
