"""`tcnet upscale --cluster` as far as it goes without Ray; with it, slowly, once."""

import json
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
from cluster_fakes import assert_same, write_source

from tcnet.cli import run
from tcnet.cli.upscale import batch
from tcnet.cli.upscale.display import JsonDisplay, TextDisplay, describe_activity
from tcnet.cluster import open_cluster
from tcnet.errors import MediaError, UsageError
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.upscale.progress import Activity, Progress

TINY = TCNetConfig(
    channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny",
    alignment_depth=1, matching_depth=1,
)  # fmt: skip
WITHOUT_RAY = "import sys; sys.modules['ray'] = None; from tcnet.cli import main; main(sys.argv[1:])"
NOW = Progress(48, 96, 3.0, 16.0, Activity(workers=2, windows=7))


def call(*arguments, code=None, timeout=120):
    command = [sys.executable, "-m", "tcnet"] if code is None else [sys.executable, "-c", code]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=timeout
    )


def test_the_missing_extra_is_named_and_not_needed_otherwise(tmp_path):
    source = write_source(tmp_path / "in.mkv", frames=9)
    weights = tmp_path / "tiny.safetensors"
    save_model(TCNet(TINY), weights)
    asked = call("upscale", source, "--model", weights, "--cluster", "local", code=WITHOUT_RAY)
    assert asked.returncode == 2
    assert "pip install '.[cluster]' in a checkout of tcnet" in asked.stderr
    assert len(asked.stderr.splitlines()) == 1
    plain = call("upscale", source, "--model", weights, "--progress", "none", code=WITHOUT_RAY)
    assert (plain.returncode, plain.stdout) == (0, f"{tmp_path / 'in.x4.mkv'}\n"), plain.stderr


@pytest.mark.parametrize("address", ["nowhere", "ray://10.0.0.1:10001", "10.0.0.1", "10.0.0.1:6379/x", ""])
def test_an_address_that_is_none_is_refused_with_an_example(address):
    with pytest.raises(UsageError, match=r"such as 10\.0\.0\.1:6379"), open_cluster(address):
        pass


def test_a_cluster_that_does_not_answer_is_told_at_once():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # and not listening
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(MediaError, match=f"{address}: no cluster answers there"), open_cluster(address):
            pass


def test_a_number_of_workers_has_to_be_one_and_needs_a_cluster(tmp_path, capsys):
    with (
        pytest.raises(UsageError, match="0 workers of a cluster: ask for 1 or more"),
        open_cluster(workers=0),
    ):
        pass
    source = write_source(tmp_path / "in.mkv", frames=1)
    assert run(["upscale", str(source), "--cluster-workers", "2"]) == 2
    assert "--cluster-workers 2 is for --cluster: add --cluster ADDRESS" in capsys.readouterr().err


@pytest.mark.parametrize("dashboard", [None, "http://10.0.0.1:8265"])
def test_where_ray_shows_the_cluster_is_said_at_the_start(tmp_path, monkeypatch, capsys, dashboard):
    class Stops:
        def __init__(self):
            self.dashboard = dashboard

        def plan(self, *_, **__):
            raise UsageError("that was it")

    opened = []

    @contextmanager
    def open_fake(address, **how):
        opened.append((address, how))
        yield Stops()

    monkeypatch.setattr(batch, "open_cluster", open_fake)
    weights = tmp_path / "tiny.safetensors"
    save_model(TCNet(TINY), weights)
    source = write_source(tmp_path / "in.mkv", frames=9)
    options = ("--model", str(weights), "--cluster", "10.0.0.1:6379", "--cluster-workers", "3")
    assert run(["upscale", str(source), *options]) == 2
    assert opened == [("10.0.0.1:6379", {"device": "auto", "workers": 3})]
    said = capsys.readouterr().err
    assert "that was it" in said
    assert ("at http://10.0.0.1:8265" in said) is (dashboard is not None)


def test_a_token_that_is_missing_is_said_in_one_line(monkeypatch):
    ray = pytest.importorskip("ray", reason="the extra cluster is not installed")

    def refuse(**_):
        raise ray.exceptions.AuthenticationError(
            "Token authentication is enabled but no token was found\nSee ..."
        )

    monkeypatch.setattr(ray, "init", refuse)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        words = rf"--cluster {address}: .*no token was found"
        with pytest.raises(MediaError, match=words) as raised, open_cluster(address):
            pass
    assert "\n" not in str(raised.value)


def test_importing_does_not_import_ray():
    code = "import sys, tcnet.cli, tcnet.cluster, tcnet.cluster.worker; assert 'ray' not in sys.modules"
    assert call(code=code).returncode == 0


def test_programs_are_told_what_the_cluster_does(capsys):
    display = JsonDisplay().beside()
    display.begin("in.mkv", None)
    display.progress(NOW)
    said = json.loads(capsys.readouterr().out)
    assert (said["workers"], said["windows_in_flight"], said["fps_per_worker"]) == (2, 7, 1.5)
    display.progress(Progress(48, 96, 3.0, 16.0))
    said = json.loads(capsys.readouterr().out)
    assert (said["workers"], said["windows_in_flight"], said["fps_per_worker"]) == (None, None, None)


def test_people_are_told_what_the_cluster_does():
    assert describe_activity(NOW) == "2 workers × 1.50 fps, 7 windows in flight"
    assert describe_activity(Progress(1, 2, None, None, Activity(1, 0))) == "1 worker, 0 windows in flight"


def test_inputs_side_by_side_have_a_row_each(capsys):
    display = TextDisplay(bar=True)
    first, second = display.beside(), display.beside()
    for beside, name in ((first, "a.mkv"), (second, "b [1].mkv")):
        beside.begin(name, None)
        beside.progress(NOW)
    first.end()
    second.end()
    shown = capsys.readouterr().err
    assert "b [1].mkv" in shown
    assert "3.00 fps  16 s left  2 workers" in shown


@pytest.mark.slow
def test_two_inputs_on_a_local_cluster(tmp_path):
    weights = tmp_path / "tiny.safetensors"
    save_model(TCNet(TINY), weights)
    sources = [write_source(tmp_path / f"{name}.mkv", frames) for name, frames in (("a", 100), ("b", 30))]
    options = ("--model", weights, "--precision", "fp32", "--progress", "json")
    there = call("upscale", *sources, *options, "--cluster", "local", timeout=600)
    assert there.returncode == 0, there.stderr
    lines = [json.loads(line) for line in there.stdout.splitlines()]
    assert {line["input"] for line in lines if line["event"] == "result"} == {str(path) for path in sources}
    here = call("upscale", *sources, *options, "--output-template", "{stem}.here{suffix}", timeout=600)
    assert here.returncode == 0, here.stderr
    for name in "ab":
        assert_same(tmp_path / f"{name}.x4.mkv", tmp_path / f"{name}.here.mkv")
