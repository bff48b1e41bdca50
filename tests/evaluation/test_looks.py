"""benchmarks/quality/looks.py on a clip of its own."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tcnet.video import write_png

ROOT = Path(__file__).parents[2]


@pytest.fixture
def looks():
    path = ROOT / "benchmarks" / "quality" / "looks.py"
    spec = importlib.util.spec_from_file_location("looks", path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_means_by_method_are_written(looks, tmp_path, monkeypatch, capsys):
    (tmp_path / "data" / "clip").mkdir(parents=True)
    coarse = np.random.default_rng(1).integers(40, 210, (6, 24, 48, 3), dtype=np.uint8)
    for index, pixels in enumerate(coarse.repeat(4, 1).repeat(4, 2)):
        write_png(tmp_path / "data" / "clip" / f"{index}.png", pixels)
    words = [
        "--data",
        str(tmp_path / "data"),
        "--models",
        "bicubic,lanczos",
        "--json",
        str(tmp_path / "a.json"),
    ]
    monkeypatch.setattr(sys, "argv", ["looks.py", *words, "--journal", str(tmp_path / "journal.jsonl")])
    looks.main()
    found = json.loads((tmp_path / "a.json").read_text())
    assert json.loads(capsys.readouterr().out) == found
    assert list(found["methods"]) == ["bicubic", "lanczos"]
    assert found["methods"]["bicubic"]["mean"].keys() == set(looks.METRICS)
    assert 0 < found["methods"]["bicubic"]["mean"]["detail"] < 1
    assert found["methods"]["bicubic"]["mean"]["features"] > 0
    assert found["ground_truth"]["niqe"] > 0
    assert found["protocol"].startswith("folder/BI+crf23/psnr-y,features-rgb,niqe-y,detail-y,")
    monkeypatch.setattr(sys, "argv", ["looks.py", "--models", "nobody"])
    with pytest.raises(SystemExit, match="error: unknown model 'nobody'"):
        looks.main()
