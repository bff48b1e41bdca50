"""An export keeps the denoise that it was made with: a seventh graph, which other programs can run too."""

import copy
import json
import shutil

import numpy as np
import onnx
import pytest
import torch

from detail_models import write_denoise_models
from fake_networks import make_frames
from tcnet.errors import MediaError, UsageError
from tcnet.export import export_model, open_export
from tcnet.export.manifest import read_manifest
from tcnet.export.parity import TOLERANCE, moving_clip
from tcnet.inference import Upscaler
from tcnet.inference.backends import load_network
from tcnet.models import load_model

QUICK = {"sizes": ((33, 47),), "clip_lengths": (2,)}
GRAPHS = ("clean", "motion", "warp", "propagate", "stabilise", "refine", "reconstruct")


@pytest.fixture
def noisy(tmp_path):
    return write_denoise_models(tmp_path)


def test_there_are_seven_graphs_and_the_manifest_says_so(cleaning_exports):
    folder = cleaning_exports["lite"]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert tuple(manifest["graphs"]) == GRAPHS
    assert manifest["denoise"] == 0.5
    step = manifest["graphs"]["clean"]
    assert step["inputs"] == [{"name": "around", "shape": [1, 5, 3, "h", "w"]}]
    assert step["outputs"] == [{"name": "frame", "shape": [1, 3, "h", "w"]}]
    assert "`clean.onnx`" in (folder / "README.md").read_text()
    model = onnx.load(folder / "clean.onnx")
    onnx.checker.check_model(model, full_check=True)
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    exported = open_export(folder, "onnxruntime")
    assert (exported.denoise, exported.clean_reach) == (0.5, 2)


@pytest.mark.parametrize("kind", ["bidirectional", "lite"])
@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 22)])
@pytest.mark.parametrize("length", [1, 2, 3, 4, 5, 9])
def test_pictures_are_those_of_the_network(cleaning_networks, cleaning_exports, kind, height, width, length):
    clip = moving_clip(length, height, width)
    with torch.inference_mode():
        expected = cleaning_networks[kind](clip)
    found = open_export(cleaning_exports[kind], "onnxruntime")(clip)
    assert (found - expected).abs().max() < TOLERANCE / 5


@pytest.mark.parametrize("pieces", [(1,) * 8, (3, 0, 5), (8,)])
def test_a_stream_gives_the_frames_of_the_clip(cleaning_networks, cleaning_exports, pieces):
    exported, clip = open_export(cleaning_exports["lite"], "onnxruntime"), moving_clip(8, 19, 22)
    assert exported.delay == cleaning_networks["lite"].delay
    state, given, taken = None, [], 0
    for size in pieces:
        pictures, state = exported.stream(clip[:, taken : taken + size], state)
        given.append(pictures)
        taken += size
        assert taken - sum(part.shape[1] for part in given) <= exported.delay
    pictures, _ = exported.stream(clip[:, :0], state, last=True)
    assert torch.equal(torch.cat([*given, pictures], dim=1), exported(clip))


def test_another_denoise_than_the_exports_is_refused(noisy, tmp_path):
    made = export_model(noisy, output=tmp_path / "out", denoise=0.5, **QUICK)
    assert made.manifest.denoise == 0.5
    for denoise in (None, 0.5):
        assert load_network(made.output, "onnxruntime", None, denoise)[1].denoise == 0.5
    with pytest.raises(UsageError, match=r"denoise 0 is asked for, but this network was loaded with 0\.5"):
        load_network(made.output, "onnxruntime", None, 0)
    with pytest.raises(UsageError, match=r"this network was loaded with 0\.25"):
        export_model(load_model(noisy, denoise=0.25), output=tmp_path / "other", denoise=1, **QUICK)
    pictures = [frame.pixels for frame in make_frames(3)]
    options = {"device": "cpu", "precision": "fp32", "denoise": 0.5}
    ours, theirs = (
        np.stack(list(Upscaler(model, engine=engine, **options).stream(pictures))).astype(int)
        for model, engine in ((noisy, "torch"), (str(made.output), "onnxruntime"))
    )
    assert np.abs(ours - theirs).max() <= 1


def test_an_export_for_one_run_has_the_denoise_of_the_run(noisy):
    usual, none = (load_network(noisy, "onnxruntime", None, denoise)[1] for denoise in (None, 0))
    assert [network.denoise for network in (usual, none)] == [0.75, 0]
    assert "clean" not in none.manifest.graphs
    assert usual.identity() != none.identity()


def test_an_export_of_an_earlier_version_cleans_nothing(exports, tmp_path):
    shutil.copytree(exports["lite"], tmp_path / "old")
    path = tmp_path / "old" / "manifest.json"
    values = json.loads(path.read_text())
    assert values.pop("denoise") == 0
    path.write_text(json.dumps(values))
    exported = open_export(tmp_path / "old", "onnxruntime")
    assert (exported.denoise, exported.clean_reach) == (0, 0)
    clip = moving_clip(3, 16, 16)
    assert torch.equal(exported(clip), open_export(exports["lite"], "onnxruntime")(clip))


@pytest.mark.parametrize(
    ("denoise", "message"),
    [
        (0, "its graphs are clean, motion"), (2, "denoise is 2"), (-1, "denoise is -1"),
        ("0.5", "denoise is '0.5'"), (None, "denoise is None"), (float("nan"), "denoise is nan"),
    ],
)  # fmt: skip
def test_a_manifest_that_says_nonsense_is_one_line(cleaning_exports, tmp_path, denoise, message):
    values = json.loads((cleaning_exports["lite"] / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps({**values, "denoise": denoise}))
    with pytest.raises(MediaError, match=message) as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_graph_is_one_line(cleaning_exports, tmp_path):
    shutil.copytree(cleaning_exports["lite"], tmp_path / "part")
    (tmp_path / "part" / "clean.onnx").unlink()
    with pytest.raises(MediaError, match=r"its graph clean\.onnx is missing; export the model again"):
        open_export(tmp_path / "part", "onnxruntime")


def test_openvino_does_not_round_what_it_cleans_to_its_precision(cleaning_networks, tmp_path):
    pytest.importorskip(
        "openvino", reason="openvino is not installed: pip install '.[export]' in a checkout of tcnet"
    )
    network = copy.deepcopy(cleaning_networks["lite"])
    network.clean_up.last.weight.zero_()
    network.clean_up.last.bias.zero_()  # takes out nothing
    made = export_model(network, "openvino", tmp_path / "out", **QUICK)
    exported, around = open_export(made.output, "openvino"), moving_clip(5, 17, 22).unbind(1)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        if precision in exported.precisions:
            cleaned = exported.placed(torch.device("cpu"), dtype).clean(around)
            assert (cleaned - around[2]).abs().max() < 1e-6
