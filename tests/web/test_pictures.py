"""Frames by number, the newest frame, and the result as a file."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from tcnet.errors import MediaError
from tcnet.inference.pixels import resize_pixels
from tcnet.video import ReadOptions, VideoReader, open_source, read_image
from tcnet.video.read.frame_times import frame_times
from tcnet.web.jobs.frames import Clip, frame_png, result_times
from tcnet.web.jobs.job import Trim

UNEVEN = [0, 1000, 1900, 6000, 6040, 6041, 20000, 20001, 20002, 30000, 44000, 44500, 50000]


@pytest.fixture(scope="module")
def uneven(web, tmp_path_factory):
    """A video whose rate varies, and frames so close that Matroska gives them the same millisecond."""
    folder = tmp_path_factory.mktemp("uneven")
    times = [*UNEVEN, *(50000 + 500 * n for n in range(1, 120))]
    return web.clip(folder / "uneven.mp4", times=times, time_base=Fraction(1, 12800))


def decoded(path):
    with open_source(path) as source:
        return list(source)


def test_times_are_those_of_the_frames(uneven):
    frames = decoded(uneven)
    assert frame_times(uneven) == [frame.seconds - frames[0].seconds for frame in frames]


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize(
    "order", [[0, 1, 2], [5, 4, 3, 131, 0], [131, 130, 60, 61, 59, 7, 8, 6], [100, 10, 100, 90]]
)
def test_any_frame_in_any_order(web, uneven, tmp_path, container, order):
    """Of a result whose times are rounded as its container does."""
    from tcnet.video import open_sink

    frames = decoded(uneven)
    result = tmp_path / f"result.{container}"
    with open_source(uneven) as source:
        sink = open_sink(result, info=source.info, copy_from=uneven)
        for frame in frames:
            sink.write(frame)
        sink.finish()
    of_input, of_result = Clip(uneven, frame_times(result)), Clip(result, frame_times(result))
    expected = decoded(result)
    assert len(expected) == len(frames) == 132
    for number in order:
        np.testing.assert_array_equal(of_input.frame(number).pixels, frames[number].pixels)
        np.testing.assert_array_equal(of_result.frame(number).pixels, expected[number].pixels)


def test_no_frame_beyond_the_end(uneven):
    clip = Clip(uneven, frame_times(uneven))
    for number in (132, 500):
        with pytest.raises(MediaError, match=f"it has no frame {number}"):
            clip.frame(number)
    assert clip.frame(3).pixels.shape == (24, 32, 3)


def test_before_is_resized_by_bicubic(uneven, tmp_path):
    (tmp_path / "a.png").write_bytes(frame_png(uneven, uneven, 7, (96, 128)))
    pixels = decoded(uneven)[7].pixels
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), resize_pixels(pixels, (96, 128), pixels.dtype)
    )


def test_frames_of_a_part_are_counted_from_its_first(clip, tmp_path):
    from tcnet.video import open_sink

    result = tmp_path / "part.mp4"
    with VideoReader(clip, ReadOptions(start=Fraction(2, 25), end=Fraction(6, 25))) as source:
        sink = open_sink(result, info=source.info)
        for frame in source:
            sink.write(frame)
        sink.finish()
    trim = Trim(0.08, 0.24)
    assert result_times(clip, result, trim) == (0.08, pytest.approx([0, 0.04, 0.08, 0.12]))
    for number in (3, 0, 2):
        (tmp_path / "a.png").write_bytes(frame_png(clip, result, number, (24, 32), trim))
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), decoded(clip)[number + 2].pixels)


@pytest.fixture(scope="module")
def done(shared, clip):
    return shared.done(clip)["id"]


def test_frames_of_a_job(shared, done, clip, tmp_path):
    for number in (0, 4):
        for name in ("before", "after"):
            answer = shared.client.get(f"/api/jobs/{done}/frames/{number}/{name}.png")
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "image/png"
            assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
            (tmp_path / "a.png").write_bytes(answer.content)
            assert read_image(tmp_path / "a.png").shape == (96, 128, 3)
    answer = shared.client.get(f"/api/jobs/{done}/frames/5/after.png")
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        "there is no frame 5: the result has 5, from 0 on",
    )
    for number in ("-1", "x", "1e3", "9" * 30):
        assert shared.client.get(f"/api/jobs/{done}/frames/{number}/before.png").status_code in (404, 422)


def test_times_of_the_frames_of_a_job(shared, done):
    answer = shared.client.get(f"/api/jobs/{done}/frames")
    assert answer.json()["times"] == pytest.approx([n / 25 for n in range(7)])


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("clip.MP4", "video/mp4"),
        ("clip.mkv", "video/x-matroska"),
        ("clip.html", "application/octet-stream"),
        ("clip", "application/octet-stream"),
    ],
)
def test_ranges_of_the_source(shared, clip, name, kind):
    """Typed by a video's suffix or not at all: what somebody uploads is never a page of this server."""
    job = shared.create(clip, name)["id"]
    answer = shared.client.get(f"/api/jobs/{job}/source", headers={"Range": "bytes=5-99"})
    assert (answer.status_code, answer.content) == (206, clip.read_bytes()[5:100])
    assert answer.headers["content-type"] == kind
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_frames_before_the_end(shared, clip):
    job = shared.create(clip)
    for path in ("frames", "frames/0/before.png", "frames/0/after.png", "result"):
        assert shared.client.get(f"/api/jobs/{job['id']}/{path}").status_code == 409
    answer = shared.client.get(f"/api/jobs/{job['id']}/preview.png")
    assert (answer.status_code, answer.json()["error"]) == (404, "there is no frame of this job yet")


def test_a_frame_that_cannot_be_decoded(shared, clip, tmp_path):
    job = shared.done(clip)
    folder = shared.service.jobs.folder(job["id"])
    folder.input.write_bytes(b"rotten" * 100)
    answer = shared.client.get(f"/api/jobs/{job['id']}/frames/0/before.png")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("frame 0 cannot be shown: clip.mp4: cannot be read as video")


def test_the_newest_frame(shared, clip, web, tmp_path):
    job = shared.create(clip)
    preview: Path = shared.service.jobs.folder(job["id"]).preview
    preview.write_bytes(frame_png(clip, clip, 2, (24, 32)))
    answer = shared.client.get(f"/api/jobs/{job['id']}/preview.png?v=5")
    assert (answer.status_code, answer.content) == (200, preview.read_bytes())
    assert answer.headers["cache-control"] == "no-store"
    shared.post(job["id"], "start")
    assert shared.until(job["id"], "done")["preview"] == preview.stat().st_mtime_ns // 1_000_000


@pytest.mark.parametrize(
    ("wanted", "status", "part"),
    [
        ("bytes=0-99", 206, slice(0, 100)),
        ("bytes=100-", 206, slice(100, None)),
        ("bytes=-10", 206, slice(-10, None)),
        ("bytes=99999999-", 416, slice(0, 0)),
        ("bytes=x", 400, slice(0, 0)),
    ],
)
def test_ranges_of_the_result(shared, done, clip, wanted, status, part):
    answer = shared.client.get(f"/api/jobs/{done}/result", headers={"Range": wanted})
    assert answer.status_code == status
    if status == 206:
        assert answer.content == clip.read_bytes()[part]
    whole = shared.client.head(f"/api/jobs/{done}/result")
    assert whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "video/mp4"
    assert int(whole.headers["content-length"]) == clip.stat().st_size
