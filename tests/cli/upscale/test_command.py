import json
import signal
import sys
from fractions import Fraction

import numpy as np
import pytest

from tcnet.cli.upscale.batch import describe_kept
from tcnet.upscale import Progress
from tcnet.video import open_source, read_image, write_png


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_comes_out_larger_with_its_times_and_sound(tcnet, media, tiny, tmp_path):
    source = media.clip(tmp_path / "ein film é.mp4", sound=True, codec="libx264", pixel_format="yuv420p")
    done = tcnet("upscale", source, "--model", tiny)
    assert done.code == 0
    target = tmp_path / "ein film é.x4.mp4"
    assert done.out == [str(target)]
    assert files(tmp_path) == [source.name, target.name]
    before, after = media.read(source), media.read(target)
    assert after.size == (128, 96)
    assert after.times == before.times == [Fraction(i, 25) for i in range(9)]
    assert media.sound(target) == media.sound(source)
    assert done.err[0].startswith(f"plan: {source}, 9 frames of 32x24 (h264, 25 fps, ")
    assert done.err[0].endswith(f"{target.name}, 128x96 (h264)")
    assert done.err[1].startswith(f"  {tiny}, cpu ")
    assert done.err[2].startswith("9 frames in ")


@pytest.mark.parametrize(
    ("options", "name", "size"),
    [
        (["--scale", "2"], "a.x2.mkv", (64, 48)),
        (["--scale", "3"], "a.x3.mkv", (96, 72)),
        (["--height", "60"], "a.60p.mkv", (80, 60)),
        (["--width", "64"], "a.64w.mkv", (64, 48)),
        (["--codec", "ffv1", "--pixel-format", "bgr0"], "a.x4.mkv", (128, 96)),
        (["--crf", "30", "--encoder-option", "preset=fast", "-o", "b.mp4"], "b.mp4", (128, 96)),
        (["--memory-limit", "2", "--window", "8", "--overlap", "2"], "a.x4.mkv", (128, 96)),
    ],
)
def test_options_reach_the_output(tcnet, media, tiny, tmp_path, options, name, size):
    media.clip(tmp_path / "a.mkv", frames=5)
    assert tcnet("upscale", "a.mkv", "--model", tiny, *options).code == 0
    after = media.read(tmp_path / name)
    assert (after.size, len(after.times)) == (size, 5)


def test_images_in_images_out(tcnet, media, tiny, tmp_path):
    media.images(tmp_path / "in", ["b 2.png", "b 10.png"])
    assert tcnet("upscale", "in", "--model", tiny).out == ["in.x4"]
    assert files(tmp_path / "in.x4") == ["b 10.png", "b 2.png"]
    assert tcnet("upscale", "in", "-o", "out/%03d.png", "--model", tiny).code == 0
    assert files(tmp_path / "out") == ["001.png", "002.png"]
    assert media.read(tmp_path / "out").size == (128, 96)


def test_images_become_a_video_at_the_frame_rate_asked_for(tcnet, media, tiny, tmp_path):
    media.images(tmp_path / "in", ["1.png", "2.png"])
    done = tcnet("upscale", "in", "-o", "out.mp4", "--frame-rate", "30000/1001", "--model", tiny)
    assert done.code == 0
    assert media.read(tmp_path / "out.mp4").times == [0, Fraction(1001, 30000)]


def test_a_dry_run_writes_nothing(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv")
    done = tcnet("upscale", "a.mkv", "--dry-run", "--model", tiny)
    assert (done.code, done.out, len(done.err)) == (0, [], 2)
    assert done.err[0].startswith("plan: a.mkv, 9 frames of 32x24 (ffv1, 25 fps, ")
    assert done.err[0].endswith(", to a.x4.mkv, 128x96 (h264)")
    assert files(tmp_path) == ["a.mkv"]


def test_a_dry_run_says_what_the_output_will_not_have(tcnet, media, tiny, tmp_path):
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "1.png", np.full((24, 32, 3), 30000, np.uint16))
    done = tcnet("upscale", "in", "-o", "a.mp4", "--dry-run", "--model", tiny)
    assert done.code == 0, done.err
    assert "note: 16-bit pictures are written with 10 bits, all that h264 takes" in done.err
    media.clip(tmp_path / "a.mkv", sound=True, codec="libx264", pixel_format="yuv420p")
    done = tcnet("upscale", "a.mkv", "-o", "b.webm", "--dry-run", "--model", tiny)
    assert done.code == 0, done.err
    assert "note: stream 1 (audio, aac) becomes opus: webm cannot hold it as it is" in done.err
    assert files(tmp_path) == ["a.mkv", "in"]


def test_the_progress_bar_is_for_stderr(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=3)
    assert tcnet("upscale", "a.mkv", "--progress", "bar", "--model", tiny).out == ["a.x4.mkv"]


def test_one_input_that_fails_does_not_stop_the_others(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=2)
    media.clip(tmp_path / "small.mkv", frames=2, size=(15, 15))
    media.clip(tmp_path / "b.mkv", frames=2)
    done = tcnet("upscale", "a.mkv", "missing.mkv", "small.mkv", "b.mkv", "--model", tiny)
    assert done.code == 1
    assert done.out == ["a.x4.mkv", "b.x4.mkv"]
    errors = [line for line in done.err if line.startswith("error:")]
    assert [error.split(":")[1].strip() for error in errors] == ["missing.mkv", "small.mkv"]


def test_damage_is_told_and_the_rest_is_done(tcnet, media, tiny, tmp_path):
    whole = media.clip(tmp_path / "whole.mkv", frames=50, size=(64, 48))
    data = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    done = tcnet("upscale", "cut.mkv", "--model", tiny)
    assert done.code == 0
    assert any(line.startswith("note: ") and "cut short" in line for line in done.err)
    assert 10 < len(media.read(tmp_path / "cut.x4.mkv").times) < 40


def test_an_existing_output_keeps_every_byte(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=2)
    (tmp_path / "a.x4.mkv").write_bytes(b"precious")
    done = tcnet("upscale", "a.mkv", "--model", tiny)
    assert done.code == 1
    assert done.err == [
        "error: a.x4.mkv: exists already; choose another name or allow overwriting (--overwrite)"
    ]
    assert (tmp_path / "a.x4.mkv").read_bytes() == b"precious"
    assert tcnet("upscale", "a.mkv", "--overwrite", "--model", tiny).code == 0
    assert len(media.read(tmp_path / "a.x4.mkv").times) == 2
    assert files(tmp_path) == ["a.mkv", "a.x4.mkv"]


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_signal_ends_the_run_and_the_same_command_continues(start, tcnet, media, tiny, tmp_path, stop):
    media.clip(tmp_path / "a.mkv", frames=150)
    command = ("upscale", "a.mkv", "--progress", "json", "--model", tiny)
    process = start(*command)
    for line in process.stdout:
        if json.loads(line).get("frames_done", 0) >= 56:  # what was written lags behind by some frames
            break
    number = getattr(signal, stop)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert err.splitlines()[-1] == "interrupted; 48 frames are kept: the same command continues"
    assert err.count("\n") == 3  # the plan and that line
    assert files(tmp_path) == [".a.x4.mkv.tcnet", "a.mkv"]
    continued = tcnet(*command)
    done = (json.loads(line).get("frames_done") for line in continued.out)
    assert next(count for count in done if count is not None) == 48
    assert "\n".join(continued.err).count("continues an unfinished run: 48 frames") == 1
    assert continued.code == 0
    assert files(tmp_path) == ["a.mkv", "a.x4.mkv"]
    assert len(media.read(tmp_path / "a.x4.mkv").times) == 150


@pytest.mark.parametrize(
    ("kept", "newest", "words"),
    [
        (
            0,
            Progress(0, 100, 1 / 90, None, computed=5.5),
            "the next run starts over; about 8 min of work on the",
        ),
        (
            48,
            Progress(50, 100, 1 / 60, None),
            "the same command continues; about 2 min of work on the segment",
        ),
        (48, Progress(50, 100, 2.0, None), "48 frames are kept: the same command continues"),
        (0, Progress(0, None, None, None), "nothing is finished yet: the next run starts over"),
    ],
)
def test_an_interruption_says_what_is_lost(kept, newest, words):
    told = describe_kept(kept, newest, resume=True)
    assert words in told
    assert told.endswith(("is lost", words))


def test_the_newest_frame_is_shown(tcnet, media, tiny, tmp_path):
    media.clip(tmp_path / "a.mkv", frames=5)
    done = tcnet("upscale", "a.mkv", "--model", tiny, "--preview", "now.png", "--codec", "ffv1")
    assert done.code == 0
    with open_source(tmp_path / "a.x4.mkv") as source:
        last = list(source)[-1]
    difference = read_image(tmp_path / "now.png").astype(int) - last.pixels  # which went through Y'CbCr
    assert np.abs(difference).max() <= 3
    done = tcnet("upscale", "a.mkv", "--model", tiny, "--preview", "now.gif", "-o", "b.mkv")
    assert (done.code, done.err) == (2, ["error: --preview now.gif: name a .png file"])
    assert files(tmp_path) == ["a.mkv", "a.x4.mkv", "now.png"]
