"""The line protocol, field by field, as docs/video.md describes it."""

import json
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tcnet.video import write_png

HEAD = {"version", "event", "time", "input"}
FIELDS = {
    "plan": {
        "output", "model", "detail", "denoise", "device", "precision", "window", "overlap", "tile", "tiles", "width", "height",
        "memory_bytes", "memory_limit_bytes", "seconds_per_frame", "seconds", "frames", "frames_kept",
        "input_width", "input_height", "input_codec", "held_height", "shrink_first", "codec", "alternatives", "trial",
    },
    "progress": {
        "frames_done", "frames_total", "fraction", "fps", "eta_seconds", "workers", "windows_in_flight", "fps_per_worker",
    },
    "notice": {"text"},
    "result": {"outcome", "output", "frames", "seconds", "recomputed_frames", "repeated_frames", "peak_memory_bytes"},
    "error": {"message", "exit_code"},
}  # fmt: skip


def read(lines):
    records = [json.loads(line) for line in lines]
    for record in records:
        assert record.keys() == HEAD | FIELDS[record["event"]]
        assert record["version"] == 1
        assert abs(record["time"] - time.time()) < 600
    return records


def events(records):
    return [record["event"] for record in records]


def test_a_run(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=3)
    done = tcnet("upscale", "a.mkv", "--progress", "json", "--model", tiny)
    records = read(done.out)
    assert events(records) == ["plan", *["progress"] * (len(records) - 2), "result"]
    plan, *progress, result = records
    assert {record["input"] for record in records} == {"a.mkv"}
    assert (plan["output"], plan["model"]) == ("a.x4.mkv", str(tiny))
    assert (plan["width"], plan["height"], plan["device"], plan["tile"], plan["tiles"]) == (
        128,
        96,
        "cpu",
        None,
        1,
    )
    assert 0 < plan["memory_bytes"] < plan["memory_limit_bytes"]
    assert plan["seconds"] == pytest.approx(3 * plan["seconds_per_frame"])
    assert sorted({record["frames_done"] for record in progress}) == [0, 1, 2, 3]
    fractions = [record["fraction"] for record in progress]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0, 1)
    # The work inside the window counts: 2 pairs at once, 3 steps back, a group, a step forward.
    first = next(record["fraction"] for record in progress if record["frames_done"] == 1)
    assert first > 0.5
    assert sum(fraction < first for fraction in fractions) >= 6
    assert {record["frames_total"] for record in progress} == {3}
    assert all(record["fps"] > 0 for record in progress)
    assert progress[-1]["eta_seconds"] == 0
    assert (result["outcome"], result["output"], result["frames"]) == ("done", "a.x4.mkv", 3)
    assert result["seconds"] > 0
    assert result["recomputed_frames"] == 0


def test_several_inputs(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=1)
    (tmp_path / "b.mkv").write_bytes(b"b" * 99)
    media.clip(tmp_path / "c.mkv", frames=1)
    (tmp_path / "c.x4.mkv").write_bytes(b"there")
    done = tcnet("upscale", "a.mkv", "b.mkv", "c.mkv", "--progress", "json", "--model", tiny)
    assert done.code == 1
    records = read(done.out)
    assert list(dict.fromkeys((record["input"], record["event"]) for record in records)) == [
        *[("a.mkv", event) for event in ("plan", "progress", "result")],
        ("b.mkv", "error"),
        ("c.mkv", "result"),
    ]
    assert records[-2]["exit_code"] == 1
    assert records[-2]["message"].startswith("b.mkv: cannot be read as video")
    assert (records[-1]["outcome"], records[-1]["output"], records[-1]["frames"]) == (
        "kept",
        "c.x4.mkv",
        None,
    )


def test_notices_come_once_and_those_known_before_come_before(tcnet, tiny, tmp_path):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "1.png", np.full((24, 32, 3), 30000, np.uint16))
    done = tcnet("upscale", "in", "-o", "a.mp4", "--progress", "json", "--model", tiny)
    records = read(done.out)
    notices = [record["text"] for record in records if record["event"] == "notice"]
    assert notices
    assert len(set(notices)) == len(notices)
    assert events(records)[1] == "notice"
    assert [line for line in done.err if line.startswith("note: ")] == [f"note: {text}" for text in notices]


def test_a_dry_run(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=1)
    done = tcnet("upscale", "a.mkv", "--dry-run", "--progress", "json", "--model", tiny)
    assert events(read(done.out)) == ["plan"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["gone.mkv"], 1, "gone.mkv: no such file"),
        (["a.mkv", "--scale", "7"], 2, "scale is 7"),
        (["a.mkv", "b.mkv", "--output-template", "x.mkv"], 2, "every input the same output"),
    ],
)
def test_errors(tcnet, tiny, arguments, code, words):
    done = tcnet("upscale", *arguments, "--progress", "json", "--model", tiny)
    assert done.code == code
    (record,) = read(done.out)
    assert (record["event"], record["exit_code"]) == ("error", code)
    assert words in record["message"]
    assert done.err == [f"error: {record['message']}"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_an_interruption(start, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=600)
    process = start("upscale", "a.mkv", "--progress", "json", "--model", tiny)
    lines = []
    for line in process.stdout:
        lines.append(line)
        if json.loads(line).get("frames_done", 0) >= 2:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=60)
    records = read([*lines, *rest.splitlines()])
    assert process.returncode == records[-1]["exit_code"] == 130
    assert records[-1]["event"] == "error"
    assert records[-1]["message"] == "interrupted; nothing is finished yet: the next run starts over"


def test_the_page_describes_every_field():
    page = (Path(__file__).parents[3] / "docs" / "video.md").read_text(encoding="utf-8")
    section = page.split("## Progress protocol")[1].split("\n## ")[0]
    for event, fields in FIELDS.items():
        assert f"`{event}`" in section
        assert fields <= set(re.findall(r"`(\w+)`", section)), event
    assert set(re.findall(r"`(\w+)`", section)) >= HEAD
