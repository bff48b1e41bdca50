"""ONNX models as methods, with tiny models made here: an enlargement, whole clips and single frames."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from tcnet.catalogue import file_hash
from tcnet.data.degradation import degrade_bi
from tcnet.errors import MediaError, UsageError
from tcnet.evaluation import evaluate
from tcnet.evaluation.methods.choice import load_method
from tcnet.video import write_png

onnx = pytest.importorskip(
    "onnx", reason="onnx is not installed: pip install '.[export]' in a checkout of tcnet"
)
pytest.importorskip(
    "onnxruntime", reason="onnxruntime is not installed: pip install '.[export]' in a checkout of tcnet"
)

FRAMES = ["n", 3, "h", "w"]
CLIPS = [1, "t", 3, "h", "w"]


def make_model(path, shape, *, scales=None, dtype=np.float32, inputs=1):
    """One Resize node, nearest neighbour; by 4 unless `scales` are given."""
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    rank = len(shape)
    factors = np.array(scales or [1.0] * (rank - 2) + [4.0, 4.0], np.float32)
    node = onnx.helper.make_node(
        "Resize", ["x0", "", "scales"], ["y"],
        mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
    )  # fmt: skip
    graph = onnx.helper.make_graph(
        [node], "enlarge",
        [onnx.helper.make_tensor_value_info(f"x{index}", kind, shape) for index in range(inputs)],
        [onnx.helper.make_tensor_value_info("y", kind, [f"o{index}" for index in range(rank)])],
        [onnx.numpy_helper.from_array(factors, "scales")],
    )  # fmt: skip
    opset = onnx.helper.make_opsetid("", 18)
    onnx.save(onnx.helper.make_model(graph, opset_imports=[opset], ir_version=9), path)
    return path


def nearest(lr_clip):
    return lr_clip.repeat_interleave(4, -2).repeat_interleave(4, -1)


@pytest.mark.parametrize("shape", [FRAMES, CLIPS], ids=["frames", "clips"])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_model_gives_the_frames_of_a_clip_in_order(tmp_path, shape, dtype):
    path = make_model(tmp_path / "enlarge.onnx", shape, dtype=dtype)
    method = load_method(str(path), device="cpu")
    lr_clip = torch.rand(3, 3, 5, 7)
    frames = list(method(lr_clip))
    assert all(frame.dtype == torch.float32 for frame in frames)
    expected = nearest(lr_clip.half().float() if dtype == np.float16 else lr_clip)
    assert torch.equal(torch.stack(frames), expected)
    assert method.name == "enlarge.onnx"
    about = method.description
    assert (about["weights"], about["device"]) == (file_hash(path), "cpu")
    assert about["precision"] == ("fp16" if dtype == np.float16 else "fp32")
    assert about["runtime"].endswith(f"whole {'frames' if shape is FRAMES else 'clips'}")


def test_it_takes_part_in_an_evaluation(tmp_path):
    (tmp_path / "data" / "clip").mkdir(parents=True)
    pixels = np.random.default_rng(1).integers(0, 256, (2, 16, 20, 3), dtype=np.uint8)
    for index, frame in enumerate(pixels):
        write_png(tmp_path / "data" / "clip" / f"{index}.png", frame)
    method = load_method(str(make_model(tmp_path / "m.onnx", CLIPS)), device="cpu")
    (model,) = evaluate("folder", tmp_path / "data", "BI", [method]).models
    hr = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    error = (nearest(torch.stack([degrade_bi(frame / 255) for frame in hr])) - hr / 255) * 255
    luma = (error * torch.tensor([65.481, 128.553, 24.966]).view(3, 1, 1) / 255).sum(1)
    expected = (10 * torch.log10(255**2 / luma.square().mean(dim=(1, 2)))).mean().item()
    assert model.mean("psnr") == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        (
            [1, 3],
            {"scales": [1.0, 2.0]},
            "takes tensor.float. of 2 dimensions; it must take one float tensor",
        ),
        (
            FRAMES,
            {"inputs": 2},
            "takes tensor.float. of 4 dimensions, tensor.float. of 4 dimensions; it must",
        ),
        (FRAMES, {"dtype": np.uint8}, r"takes tensor\(uint8\) of 4 dimensions"),
    ],
)
def test_models_of_another_form_are_refused_before_anything_runs(tmp_path, shape, options, message):
    path = make_model(tmp_path / "other.onnx", shape, **options)
    with pytest.raises(UsageError, match=message) as caught:
        load_method(str(path), device="cpu")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ([1, 3, 8, 8], r"m\.onnx takes \(1, 3, 8, 8\) alone, here it would have to take \(1, 3, 5, 7\)"),
        ([1, 15, 3, "h", "w"], r"takes \(1, 15, 3, h, w\) alone, .*\(1, 2, 3, 5, 7\); export it with free"),
        (["n", 1, "h", "w"], r"have to take \(1, 3, 5, 7\)"),
    ],
)
def test_fixed_sizes_must_be_those_of_the_clip(tmp_path, shape, message):
    method = load_method(str(make_model(tmp_path / "m.onnx", shape)), device="cpu")
    with pytest.raises(UsageError, match=message):
        list(method(torch.rand(2, 3, 5, 7)))


def test_what_fails_inside_is_one_line(tmp_path):
    # Enlarging the batch too: three frames out for one.
    model = make_model(tmp_path / "m.onnx", FRAMES, scales=[3.0, 1.0, 4.0, 4.0])
    with pytest.raises(UsageError, match=r"m\.onnx gave \(3, 3, 20, 28\) for \(1, 3, 5, 7\)"):
        list(load_method(str(model), device="cpu")(torch.rand(1, 3, 5, 7)))


def test_files_that_are_no_models_are_media_errors(tmp_path):
    with pytest.raises(MediaError, match=r"gone\.onnx: no such ONNX model"):
        load_method(str(tmp_path / "gone.onnx"), device="cpu")
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(MediaError, match=r"text\.onnx: not a readable ONNX model") as caught:
        load_method(str(tmp_path / "text.onnx"), device="cpu")
    assert "\n" not in str(caught.value)


def test_without_onnxruntime_the_error_says_how_to_get_it():
    program = (
        "import sys\n"
        "sys.modules['onnxruntime'] = None  # as if it were not installed\n"
        "from tcnet.errors import UsageError\n"
        "from tcnet.evaluation.methods.choice import load_method\n"
        "try:\n    load_method('m.onnx')\n"
        "except UsageError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "onnxruntime is not installed: pip install '.[export]' in a checkout of tcnet\n"
