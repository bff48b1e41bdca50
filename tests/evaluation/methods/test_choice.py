"""Interpolation and functions of the user's own as methods."""

import numpy as np
import pytest
import torch
from PIL import Image

from tcnet.errors import UsageError
from tcnet.evaluation import evaluate
from tcnet.evaluation.methods.choice import load_method
from tcnet.video import write_png

SOURCE = """
import torch

def nearest(lr_clip):
    assert not torch.is_grad_enabled()
    for frame in lr_clip:
        yield frame.repeat_interleave(4, 1).repeat_interleave(4, 2)

def whole(lr_clip):
    return torch.nn.functional.interpolate(lr_clip, scale_factor=4)

whole.description = {"weights": "of mine", "parameters": 12}

def breaks(lr_clip):
    raise RuntimeError("no more memory")

def arrays(lr_clip):
    return [frame.numpy() for frame in lr_clip]

def short(lr_clip):
    return whole(lr_clip[1:])

number = 3
"""


@pytest.fixture
def module(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SOURCE)
    return path


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data" / "clip").mkdir(parents=True)
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (16, 20, 3), dtype=np.uint8)
        write_png(tmp_path / "data" / "clip" / f"{index}.png", pixels)
    return tmp_path / "data"


def test_lanczos_is_that_of_pillow_inside():
    image = torch.rand(1, 3, 20, 24, generator=torch.Generator().manual_seed(1))
    ours = next(iter(load_method("lanczos")(image)))
    for plane, original in zip(ours, image[0], strict=True):
        theirs = Image.fromarray(original.numpy()).resize((96, 80), Image.Resampling.LANCZOS)
        # At borders Pillow leaves out what MATLAB mirrors.
        np.testing.assert_allclose(plane[12:-12, 12:-12], np.asarray(theirs)[12:-12, 12:-12], atol=1e-5)


def test_functions_of_a_file_take_part(module, data):
    methods = [load_method(f"{module}:{name}") for name in ("nearest", "whole")]
    result = evaluate("folder", data, "BI", methods)
    first, second = result.models
    assert first.mean("psnr") == second.mean("psnr")
    assert first.name == "mine.py:nearest"
    assert first.description["weights"] == "not stated"
    assert second.description["weights"] == "of mine"
    assert second.description["parameters"] == "12"
    assert len(first.description["source"]) == 12


def test_functions_of_a_module_take_part():
    # A function of a package, which gives something else than four times the size.
    method = load_method("torch.nn.functional:relu")
    assert next(iter(method(torch.ones(1, 3, 4, 4)))).shape == (3, 4, 4)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("breaks", "breaks failed: RuntimeError: no more memory"),
        ("arrays", "arrays failed: TypeError: gives ndarray instead of tensors"),
        ("short", "short gave 1 of the 2 frames of clip"),
    ],
)
def test_functions_that_break_the_contract_are_told_so(module, data, function, message):
    with pytest.raises(UsageError, match=message):
        evaluate("folder", data, "BI", [load_method(f"{module}:{function}")])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("{}:nothing", "has no function 'nothing'"),
        ("{}:number", "has no function 'number'"),
        ("{}:", "write module:function"),
        ("/nowhere/else.py:run", "cannot be imported: FileNotFoundError"),
        ("no_such_package_at_all.x:run", "cannot be imported: ModuleNotFoundError"),
        ("cubic", "unknown model 'cubic'"),
    ],
)
def test_names_that_lead_nowhere_are_usage_errors(module, name, message):
    with pytest.raises(UsageError, match=message):
        load_method(name.format(module))
