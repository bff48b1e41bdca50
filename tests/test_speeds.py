import json
import math
from dataclasses import asdict

import pytest

from tcnet.catalogue import DEFAULT_MODEL, model_card, weights_hash
from tcnet.cli import run
from tcnet.speeds import Speed, keep_speeds, kept_speeds, newest_speed, speeds_notice, speeds_path
from tcnet.system.machine import machine


@pytest.fixture(autouse=True)
def _own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


def speed(model=DEFAULT_MODEL, seconds=1e-6, **fields):
    given = {"device": "cpu", "precision": "auto", "threads": 2, "weights": weights_hash(model)} | fields
    return Speed(model, seconds_per_pixel=seconds, **given)


def test_what_is_kept_is_there_and_a_newer_one_of_its_kind_replaces_it():
    assert kept_speeds() == []
    keep_speeds([speed(), speed(precision="fp32")])
    keep_speeds([speed(seconds=2e-6)])
    assert kept_speeds() == [speed(precision="fp32"), speed(seconds=2e-6)]
    assert newest_speed(model_card(DEFAULT_MODEL)) == speed(seconds=2e-6)


def test_those_of_other_machines_and_other_weights_do_not_count():
    keep_speeds([speed(weights="0" * 12)])
    assert newest_speed(model_card(DEFAULT_MODEL)) is None
    found = json.loads(speeds_path().read_text())
    speeds_path().write_text(json.dumps({"another machine": found[machine()]}))
    assert kept_speeds() == []
    keep_speeds([speed()])
    assert json.loads(speeds_path().read_text()).keys() == {"another machine", machine()}


FIELDS = asdict(Speed("a", "0" * 12, "cpu", "auto", 2, 1e-6))


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}x", '{"m": [{"model": "a"}]}', '{"m": 3}', "\0\x80"]
    + [json.dumps({"m": [FIELDS | wrong]}) for wrong in ({"threads": "2"}, {"seconds_per_pixel": 0}, {"model": None})]
    + [json.dumps({"m": [FIELDS | {"seconds_per_pixel": math.nan}]})],
)  # fmt: skip
def test_a_damaged_file_counts_as_none_is_said_and_replaced(content, capsys):
    speeds_path().parent.mkdir(exist_ok=True)
    speeds_path().write_text(content)
    assert kept_speeds() == []
    assert (
        speeds_notice() == f"{speeds_path()}: is damaged, so speeds are measured again when they are needed"
    )
    assert run(["models"]) == 0
    captured = capsys.readouterr()
    assert "not measured yet" in captured.out
    assert captured.err.count("note:") == 1
    keep_speeds([speed()])
    assert kept_speeds() == [speed()]
    assert speeds_notice() is None


def test_a_file_that_cannot_be_read_is_said_too():
    speeds_path().mkdir(parents=True)
    assert kept_speeds() == []
    assert "speeds.json: cannot be read (Is a directory)" in speeds_notice()
