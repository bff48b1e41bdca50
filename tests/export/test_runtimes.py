"""Folders that are read by onnxruntime and OpenVINO, and those that cannot be."""

import copy
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch

from tcnet.errors import MediaError, UsageError
from tcnet.export import export_model, open_export
from tcnet.export.parity import TOLERANCE, moving_clip

CPU = torch.device("cpu")


@pytest.fixture
def copied(exports, tmp_path):
    return shutil.copytree(exports["lite"], tmp_path / "export")


def change_manifest(folder, **values):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


@pytest.mark.parametrize("kind", ["openvino", "onnx"])
def test_openvino_reads_its_own_files_and_onnx(networks, exports, openvino_export, kind):
    exported = open_export(openvino_export if kind == "openvino" else exports["forward"], "openvino")
    clip = moving_clip(5, 21, 34)
    with torch.inference_mode():
        expected = networks["forward"](clip)
    assert (exported(clip) - expected).abs().max() < TOLERANCE / 5
    # Its buffers are used again: what was given before must not change.
    first = exported(clip)
    kept = first.clone()
    exported(1 - clip)
    assert torch.equal(first, kept)


def test_half_weights_lose_nothing_in_openvino_either(networks, tmp_path):
    pytest.importorskip("openvino")
    network = copy.deepcopy(networks["lite"]).half().float()
    quick = {"sizes": ((17, 19),), "clip_lengths": (2,)}
    full, half = (
        export_model(network, "openvino", tmp_path / str(small), half_weights=small, **quick)
        for small in (False, True)
    )
    weights = sum(value.numel() for value in network.parameters())
    assert full.size - half.size > 1.5 * weights
    assert half.parity.max_abs_error < TOLERANCE / 5
    clip = moving_clip(2, 18, 17)
    one, other = (open_export(result.output, "openvino")(clip) for result in (full, half))
    assert (one - other).abs().max() < 1e-6


def test_bf16_keeps_motion_in_float32(networks, exports):
    pytest.importorskip("openvino")
    exported = open_export(exports["forward"], "openvino")
    if exported.runtime.precisions == ("fp32",):
        pytest.skip("this processor has no bf16")
    reduced = exported.placed(CPU, torch.bfloat16)
    assert exported.placed(CPU, torch.float32) is exported
    assert reduced.placed(CPU, torch.float32) is not reduced
    first, second = (np.ascontiguousarray(f) for f in moving_clip(2, 24, 40)[0][:, None].numpy())
    for one, other in zip(
        exported.runtime.run("motion", first, second),
        reduced.runtime.run("motion", first, second),
        strict=True,
    ):
        assert np.array_equal(one, other)
    clip = moving_clip(3, 24, 40)
    with torch.inference_mode():
        expected = networks["forward"](clip)
    error = (reduced(clip) - expected).abs().max()
    assert TOLERANCE < error < 0.1


def test_onnxruntime_computes_in_float32_on_the_cpu(exports):
    exported = open_export(exports["lite"], "onnxruntime")
    assert exported.placed(CPU, torch.float32) is exported
    with pytest.raises(UsageError, match="onnxruntime computes in fp32 here, not bf16"):
        exported.placed(CPU, torch.bfloat16)
    with pytest.raises(UsageError, match="tensors go to onnxruntime from the cpu, not from cuda"):
        exported.placed(torch.device("cuda"), torch.float32)


def test_the_engine_must_fit_the_files(exports, openvino_export):
    with pytest.raises(
        UsageError, match="unknown engine 'tensorrt': choose one of torch, onnxruntime, openvino"
    ):
        open_export(exports["lite"], "tensorrt")
    with pytest.raises(UsageError, match=r"is an export for OpenVINO; add --engine openvino"):
        open_export(openvino_export, "onnxruntime")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"format": "tcnet-export-9"}, "its format is 'tcnet-export-9'"),
        ({"graphs": {}}, "its graphs are"),
        ({"propagation": "sideways"}, "propagation is 'sideways'"),
        ({"group_size": 0}, "group_size is 0"),
        ({"halo": "2"}, "halo is '2'"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_other_manifests_are_refused(copied, values, reason):
    change_manifest(copied, **values)
    with pytest.raises(
        MediaError, match=rf"manifest\.json: not a manifest of this version .*{reason}"
    ) as caught:
        open_export(copied, "onnxruntime")
    assert "\n" not in str(caught.value)


def test_graphs_outside_the_folder_are_not_opened(copied):
    graphs = json.loads((copied / "manifest.json").read_text())["graphs"]
    graphs["warp"]["file"] = "../warp.onnx"
    change_manifest(copied, graphs=graphs)
    with pytest.raises(MediaError, match="the graph warp is not in the folder"):
        open_export(copied, "onnxruntime")


def test_damaged_folders_are_refused(copied, tmp_path):
    with pytest.raises(MediaError, match=r"is not an exported model: it has no manifest\.json"):
        open_export(tmp_path, "onnxruntime")
    shutil.copy(copied / "motion.onnx", copied / "warp.onnx")
    with pytest.raises(MediaError, match=r"warp\.onnx: takes first, second, not state, flow"):
        open_export(copied, "onnxruntime")
    (copied / "warp.onnx").write_text("no model")
    for engine, message in (
        ("onnxruntime", "not a readable ONNX model"),
        ("openvino", "OpenVINO cannot read it"),
    ):
        with pytest.raises(MediaError, match=rf"warp\.onnx: {message}") as caught:
            open_export(copied, engine)
        assert "\n" not in str(caught.value)
    (copied / "warp.onnx").unlink()
    with pytest.raises(MediaError, match=r"its graph warp\.onnx is missing"):
        open_export(copied, "onnxruntime")


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_what_fails_inside_is_one_line(exports, engine):
    exported = open_export(exports["lite"], engine)
    wrong = np.zeros((1, 5, 8, 8), np.float32)
    with pytest.raises(
        MediaError, match=rf"{engine} .* failed in the graph warp on \(1, 5, 8, 8\)"
    ) as caught:
        exported.runtime.run("warp", wrong, np.zeros((1, 2, 8, 8), np.float32))
    assert "\n" not in str(caught.value)


_DROPPED_IN_A_THREAD = """
import os, signal, sys, threading
from pathlib import Path
from tcnet.export import open_export
from tcnet.export.parity import moving_clip

box = [open_export(Path(sys.argv[1]), "openvino")]
box[0](moving_clip(2, 16, 16))
thread = threading.Thread(target=box.clear)
thread.start()
thread.join()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_signals_are_handled_after_openvino_was_used(exports):
    pytest.importorskip("openvino")
    command = [sys.executable, "-c", _DROPPED_IN_A_THREAD, str(exports["lite"])]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout) == (0, "handled\n"), run.stderr
