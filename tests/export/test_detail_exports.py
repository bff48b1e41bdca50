"""An export keeps the detail that it was made with."""

import json

import numpy as np
import pytest

from detail_models import write_detail_models
from fake_networks import make_frames
from tcnet.cli import run
from tcnet.errors import UsageError
from tcnet.export import export_model
from tcnet.inference import Upscaler
from tcnet.inference.backends import load_network
from tcnet.models import load_model

QUICK = {"sizes": ((33, 47),), "clip_lengths": (2,)}


@pytest.fixture
def vivid(tmp_path):
    return write_detail_models(tmp_path)


def test_an_export_has_one_detail_and_another_is_refused(vivid, tmp_path):
    made = export_model(vivid, output=tmp_path / "out", detail=0.5, **QUICK)
    assert made.manifest.detail == 0.5
    assert json.loads((made.output / "manifest.json").read_text())["detail"] == 0.5
    for detail in (None, 0.5):
        assert load_network(made.output, "onnxruntime", detail)[1].detail == 0.5
    with pytest.raises(UsageError, match=r"detail 0\.75 is asked for, but this network was loaded with 0\.5"):
        load_network(made.output, "onnxruntime", 0.75)
    pictures = [frame.pixels for frame in make_frames(3)]
    options = {"device": "cpu", "precision": "fp32", "detail": 0.5}
    ours, theirs = (
        np.stack(list(Upscaler(model, engine=engine, **options).stream(pictures))).astype(int)
        for model, engine in ((vivid, "torch"), (str(made.output), "onnxruntime"))
    )
    assert np.abs(ours - theirs).max() <= 1


def test_an_export_for_one_run_has_the_detail_of_the_run(vivid):
    assert load_network(vivid, "onnxruntime", 0.25)[1].detail == 0.25
    assert load_network(vivid, "onnxruntime")[1].detail == 0.75


def test_networks_that_are_loaded_and_models_without(vivid, tmp_path, capsys):
    with pytest.raises(UsageError, match=r"this network was loaded with 0\.25"):
        export_model(load_model(vivid, detail=0.25), output=tmp_path / "out", detail=1, **QUICK)
    assert run(["export", "--model", "tcnet-lite", "--detail", "0.5", "-o", str(tmp_path / "out")]) == 2
    assert "tcnet-lite has no detail to choose" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
