"""`tcnet degrade` on small real files."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from tcnet.data.degradation import crop_to_multiple, find_degradation, to_8bit
from tcnet.data.degrade_job import degrade_video
from tcnet.errors import MediaError, UsageError
from tcnet.video import ColorSpec, EncodeOptions, Frame, VideoInfo, open_sink, open_source, write_png

TIME_BASE = Fraction(1, 1000)
TIMES = (40, 80, 200)  # uneven, not from zero


def hr_frames(count: int = 3, height: int = 26, width: int = 33, dtype=np.uint8) -> list[np.ndarray]:
    generator = np.random.default_rng(5)
    return [
        generator.integers(0, np.iinfo(dtype).max, (height, width, 3), dtype, endpoint=True)
        for _ in range(count)
    ]


def expected_lr(pixels: np.ndarray, kind: str) -> np.ndarray:
    images = torch.from_numpy(pixels.astype(np.float64) / np.iinfo(pixels.dtype).max).permute(2, 0, 1)
    return to_8bit(find_degradation(kind)(crop_to_multiple(images))).permute(1, 2, 0).numpy()


def write_images(folder: Path, frames: list[np.ndarray]) -> Path:
    folder.mkdir()
    for index, pixels in enumerate(frames):
        write_png(folder / f"shot{index}.png", pixels)
    return folder


def write_video(path: Path, frames: list[np.ndarray]) -> Path:
    height, width, _ = frames[0].shape
    info = VideoInfo(
        width=width,
        height=height,
        time_base=TIME_BASE,
        frame_rate=Fraction(25),
        frame_count=len(frames),
        duration=None,
        bit_depth=8,
        pixel_format="bgr0",
        color=ColorSpec(matrix=0, full_range=True),
        sample_aspect_ratio=Fraction(1),
        codec="ffv1",
    )
    sink = open_sink(path, info=info, options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for pts, pixels in zip(TIMES, frames, strict=True):
        sink.write(Frame(pixels, pts, 40, TIME_BASE))
    sink.finish()
    return path


def read_all(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


@pytest.mark.parametrize("kind", ["BI", "BD"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_folder_of_images_becomes_a_folder_of_png_of_the_same_names(tmp_path, kind, dtype):
    frames = hr_frames(dtype=dtype)
    source = write_images(tmp_path / "hr", frames)
    calls = []
    count = degrade_video(
        source, tmp_path / "lr", kind, progress=lambda done, total: calls.append((done, total))
    )
    assert count == 3
    assert calls == [(1, 3), (2, 3), (3, 3)]
    assert sorted(file.name for file in (tmp_path / "lr").iterdir()) == [
        "shot0.png",
        "shot1.png",
        "shot2.png",
    ]
    for frame, pixels in zip(read_all(tmp_path / "lr"), frames, strict=True):
        np.testing.assert_array_equal(frame.pixels, expected_lr(pixels, kind))


def test_matroska_is_bit_exact_and_keeps_the_times(tmp_path):
    frames = hr_frames()
    source = write_video(tmp_path / "hr.mkv", frames)
    degrade_video(source, tmp_path / "lr.mkv", "BD")
    lr_frames = read_all(tmp_path / "lr.mkv")
    assert [frame.seconds for frame in lr_frames] == [pts * TIME_BASE for pts in TIMES]
    for frame, pixels in zip(lr_frames, frames, strict=True):
        np.testing.assert_array_equal(frame.pixels, expected_lr(pixels, "BD"))
    with open_source(tmp_path / "lr.mkv") as lr:
        assert (lr.info.width, lr.info.height) == (8, 6)


@pytest.mark.parametrize("name", ["lr", "lr.mkv", "lr.mp4"])
def test_alpha_is_degraded_too_and_kept_in_images(tmp_path, name):
    pixels, alpha = hr_frames()[0], hr_frames()[1][..., 0]
    (tmp_path / "hr").mkdir()
    write_png(tmp_path / "hr" / "1.png", pixels, alpha)
    degrade_video(tmp_path / "hr", tmp_path / name, "BI")
    (frame,) = read_all(tmp_path / name)
    if name == "lr":
        np.testing.assert_array_equal(frame.pixels, expected_lr(pixels, "BI"))
        wanted = expected_lr(np.repeat(alpha[..., None], 3, axis=2), "BI")[..., 0]
        np.testing.assert_array_equal(frame.alpha, wanted)
    else:
        assert frame.alpha is None


def test_mp4_is_close_even_at_odd_sizes(tmp_path):
    # Flat colours, since the test is about what is written where, not about the codec's loss on noise.
    frames = [
        np.full((60, 76, 3), color, dtype=np.uint8) for color in ((250, 10, 30), (0, 128, 255), (9, 9, 9))
    ]
    source = write_video(tmp_path / "hr.mkv", frames)
    degrade_video(source, tmp_path / "lr.mp4", "BI")
    lr_frames = read_all(tmp_path / "lr.mp4")
    assert [frame.pixels.shape for frame in lr_frames] == [(15, 19, 3)] * 3
    for frame, pixels in zip(lr_frames, frames, strict=True):
        assert np.abs(frame.pixels.astype(int) - pixels[0, 0].astype(int)).max() <= 4


def test_nothing_is_left_behind_when_the_source_breaks(tmp_path):
    source = write_images(tmp_path / "hr", hr_frames())
    (source / "shot1.png").write_bytes(b"no picture")
    with pytest.raises(MediaError, match=r"shot1\.png"):
        degrade_video(source, tmp_path / "lr", "BI")
    assert [entry.name for entry in tmp_path.iterdir()] == ["hr"]


def test_an_existing_output_is_replaced_only_on_request(tmp_path):
    source = write_images(tmp_path / "hr", hr_frames())
    degrade_video(source, tmp_path / "lr", "BI")
    with pytest.raises(MediaError, match="there already"):
        degrade_video(source, tmp_path / "lr", "BD")
    degrade_video(source, tmp_path / "lr", "BD", overwrite=True)
    np.testing.assert_array_equal(read_all(tmp_path / "lr")[0].pixels, expected_lr(hr_frames()[0], "BD"))


def test_an_unknown_kind_is_refused_before_anything_is_written(tmp_path):
    source = write_images(tmp_path / "hr", hr_frames())
    with pytest.raises(UsageError, match="'video' is unknown; choose one of BI, BD"):
        degrade_video(source, tmp_path / "lr", "video")
    assert not (tmp_path / "lr").exists()


def test_a_source_too_small_for_a_quarter_is_refused(tmp_path):
    source = write_images(tmp_path / "hr", hr_frames(height=3))
    with pytest.raises(MediaError, match="33x3"):
        degrade_video(source, tmp_path / "lr", "BI")
