"""scripts/make_gallery.py on a clip of its own, and that its crops lie in the held-out clips."""

import importlib.util
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from fake_networks import make_info, make_scenes
from tcnet.evaluation.datasets import Clip, read_clip
from tcnet.video import EncodeOptions, open_sink, read_image

ROOT = Path(__file__).parents[2]


@pytest.fixture
def gallery():
    spec = importlib.util.spec_from_file_location("make_gallery", ROOT / "scripts" / "make_gallery.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.fixture
def clip(tmp_path):
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "moves.mkv"
    sink = open_sink(
        path, info=make_info(None, 120, 140), options=EncodeOptions(codec="ffv1", pixel_format="bgr0")
    )
    for frame in make_scenes(5, height=120, width=140):
        sink.write(frame)
    sink.finish()
    return path


def test_twelve_crops_by_number_with_all_versions(gallery, clip, tmp_path, monkeypatch, capsys):
    crops = (gallery.Crop("left", "moves", 2, 4, 8), gallery.Crop("right", "moves", 3, 40, 20))
    monkeypatch.setattr(gallery, "CROPS", crops)
    arguments = ["--data", str(clip.parent), "--models", "bicubic,lanczos", "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["make_gallery.py", *arguments])
    gallery.main()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["01-left.png", "02-right.png"]
    monkeypatch.setattr(
        sys, "argv", ["make_gallery.py", *arguments[:-1], str(tmp_path / "one"), "--only", "right"]
    )
    gallery.main()
    (one,) = (tmp_path / "one").iterdir()
    assert one.read_bytes() == (tmp_path / "out" / "02-right.png").read_bytes()
    assert "02-right.png: moves, frame 3, " in capsys.readouterr().out
    sheet = read_image(tmp_path / "out" / "02-right.png")
    side, gap = gallery.ZOOM * gallery.SIDE, gallery.GAP
    assert sheet.shape == (2 * side + 2 * gap + gallery.BAND, 3 * side + 4 * gap, 3)
    truth = read_clip(Clip("moves", clip)).frames.permute(0, 2, 3, 1).numpy()
    shown = sheet[gap : gap + side : gallery.ZOOM, -gap - side : -gap : gallery.ZOOM]
    np.testing.assert_array_equal(shown, truth[3, 20:116, 40:136])
    profile = sheet[-gap - side : -gap : gallery.ZOOM, -gap - side : -gap]
    np.testing.assert_array_equal(profile[:, 0], truth[0, 20:116, 88])
    np.testing.assert_array_equal(profile[:, -1], truth[-1, 20:116, 88])


def test_what_it_cannot_draw_is_one_line(gallery, clip, tmp_path, monkeypatch):
    monkeypatch.setattr(gallery, "CROPS", (gallery.Crop("left", "moves", 2, 4, 8),))
    call = ["make_gallery.py", "--data", str(clip.parent), "--out", str(tmp_path / "out"), "--models"]
    monkeypatch.setattr(sys, "argv", [*call, "bicubic"])
    monkeypatch.setattr(gallery, "MOST_BYTES", 1000)
    with pytest.raises(SystemExit, match=r"01-left\.png has \d+ bytes, more than 1000"):
        gallery.main()
    monkeypatch.setattr(sys, "argv", [*call, "nobody"])
    with pytest.raises(SystemExit, match="error: unknown model 'nobody'"):
        gallery.main()


def test_the_crops_are_twelve_and_lie_in_the_held_out_clips(gallery, data_dir):
    assert len(gallery.CROPS) == 12
    assert len({crop.subject for crop in gallery.CROPS}) == 12
    for name in {crop.clip for crop in gallery.CROPS}:
        with av.open(str(data_dir / f"{name}.mkv")) as container:
            (video,) = container.streams.video
            width, height = video.width, video.height
            frames = sum(packet.size > 0 for packet in container.demux(video))  # FFV1: one a packet
        for crop in gallery.CROPS:
            if crop.clip == name:
                assert crop.frame < frames
                assert crop.left + gallery.SIDE <= width - width % 4
                assert crop.top + gallery.SIDE <= height - height % 4
