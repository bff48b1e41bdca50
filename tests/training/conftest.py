import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tcnet.training.config import load_config

TINY = """
name = "tiny"
out = "{out}"
device = "cpu"
precision = "fp32"

[network]
propagation = "forward"
channels = 8
propagation_blocks = 1
refinement_blocks = 1
alignment_depth = 1
alignment_window = 16
matching_depth = 1
fusion_width = 8
fusion_levels = 2
motion = "tiny"

[data]
cache = "{out}/cache"
frames = 2
size = 16
workers = 0

[[data.sources]]
kind = "generated"

[optimisation]
steps = 6
batch = 2
rate_new = 1e-3
warmup_steps = 2
ema = 0.9

[log]
every = 1
"""


@pytest.fixture
def tiny(tmp_path):
    """tiny.config(folder, "key=value", ...): a run of a few steps; tiny.file: its TOML; tiny.log: its entries."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.format(out=tmp_path / "run"))

    def config(folder: str = "run", *changes: str):
        return load_config(path, [f"out={tmp_path / folder}", *changes])

    def log(folder: str = "run", kind: str = "step"):
        lines = (Path(tmp_path) / folder / "log.jsonl").read_text().splitlines()
        return [entry for entry in map(json.loads, lines) if entry["kind"] == kind]

    return SimpleNamespace(config=config, file=path, log=log, folder=tmp_path)
