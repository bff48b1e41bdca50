import json

import pytest

from tcnet.catalogue import DEFAULT_MODEL, model_card, weights_hash
from tcnet.errors import MediaError
from tcnet.machine import machine
from tcnet.speeds import Speed, keep_speeds, kept_speeds, newest_speed, speeds_path


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


@pytest.mark.parametrize("text", ["", "[]", "{}x", '{"m": [{"model": "a"}]}', '{"m": 3}'])
def test_a_damaged_file_is_an_error_that_says_what_to_do(text):
    speeds_path().parent.mkdir(exist_ok=True)
    speeds_path().write_text(text)
    if text == "[]":
        assert kept_speeds() == []
    else:
        with pytest.raises(MediaError, match=r"speeds\.json: .*delete it"):
            kept_speeds()
