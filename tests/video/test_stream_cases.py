"""Small files, each after a kind that people report in trackers of video tools: sound, tags, what changes."""

import av
import pytest

from tcnet.video import open_sink, open_source
from tcnet.video.color.planes import plane_samples
from tcnet.video.pyav import layout_of


def read(path):
    with open_source(path) as reader:
        frames = list(reader)
        return reader.info, frames, reader.notices


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_eight_channels(cases, clips, tmp_path, suffix):
    clips.convert(cases / "flac71.mkv", tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        sound = container.streams.audio[0]
        assert layout_of(sound.codec_context).name == "7.1"
        assert sound.codec_context.name == ("pcm_s24le" if suffix == ".mov" else "flac")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_tags_of_a_telephone(cases, clips, tmp_path, suffix):
    clips.convert(cases / "iphone_tags.mov", tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        found = {key.lower(): text for key, text in container.metadata.items()}
    assert found["com.apple.quicktime.location.iso6709"] == "+52.5200+013.4050+034.000/"
    assert found["com.apple.quicktime.make"] == "Apple"
    assert found["com.apple.quicktime.model"] == "iPhone 15 Pro"
    assert found["com.apple.quicktime.creationdate"] == "2024-06-01T10:11:12+0200"
    assert found["creation_time"].startswith("2024-06-01T08:11:12")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4", ".mov"])
def test_a_track_of_timecode_is_carried_over_as_a_tag_and_not_called_lost(clips, tmp_path, suffix):
    def tag(container, video):
        container.metadata["timecode"] = "01:00:00:00"

    source = clips.write(tmp_path / "a.mov", clips.clip(setup=tag))
    with av.open(str(source)) as container:
        assert [stream.type for stream in container.streams] == ["video", "data"]
    with open_source(source) as reader:
        sink = open_sink(tmp_path / f"b{suffix}", info=reader.info, copy_from=source)
        for frame in reader:
            sink.write(frame)
        sink.finish()
    assert not sink.notices
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        found = {key.lower(): text for key, text in container.streams.video[0].metadata.items()}
    assert found["timecode"] == "01:00:00:00"


def test_that_a_360_degree_video_will_be_flat_is_said(clips, tmp_path):
    """Cameras say it in a box of their own, at the end of the header."""
    source = clips.write(tmp_path / "a.mp4", clips.clip())
    data = bytearray(source.read_bytes())
    names = {"Spherical": "true", "Stitched": "true", "StitchingSoftware": "s"}
    stated = "".join(f"<GSpherical:{key}>{text}</GSpherical:{key}>" for key, text in names.items())
    stated += "<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>"
    box = b"uuid" + bytes.fromhex("ffcc8263f8554a938814587a02521fdd") + stated.encode()
    box = (len(box) + 4).to_bytes(4) + box
    movie = data.rfind(b"moov") - 4
    data[movie : movie + 4] = (len(data) - movie + len(box)).to_bytes(4)
    source.write_bytes(data + box)
    assert read(source)[2] == ("not carried over: that it is a 360-degree video; players will show it flat",)


@pytest.mark.parametrize("ending", ["", "-eng"])
def test_tags_that_count_what_was_in_the_old_file_are_left_out(clips, tmp_path, ending):
    """FFmpeg adds a tag's language to its name."""
    counts = {
        f"{name}{ending}": "7" for name in ("BPS", "NUMBER_OF_FRAMES", "NUMBER_OF_BYTES", "_STATISTICS_TAGS")
    }

    def tag(container, video):
        video.metadata.update(counts | {f"DIRECTOR{ending}": "somebody"})

    source = clips.write(tmp_path / "a.mkv", clips.clip(setup=tag))
    clips.convert(source, tmp_path / "b.mkv")
    with av.open(str(source)) as before, av.open(str(tmp_path / "b.mkv")) as after:
        assert counts.keys() <= before.streams.video[0].metadata.keys()
        assert after.streams.video[0].metadata.keys() == {f"DIRECTOR{ending}", "DURATION"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("depth_8_10.ts", "20 frames of another bit depth were converted to the 8 bits"),
        ("sar_change.ts", "1:1, then 4:3"),
    ],
)
def test_what_changes_is_said(cases, clips, tmp_path, name, told):
    _, frames, notices = read(cases / name)
    assert len(frames) == 40
    assert sum(told in line for line in notices) == 1
    clips.convert(cases / name, tmp_path / "b.mkv")


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_super_white_and_sub_black_are_kept(cases, clips, tmp_path, suffix):
    info, _, notices = read(cases / "superwhite.mkv")
    assert info.overshoot
    assert not notices
    clips.convert(cases / "superwhite.mkv", tmp_path / f"b{suffix}")
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        shown = plane_samples(next(container.decode(video=0)), 0)
    assert abs(int(shown.max()) - 252) <= 2
    assert abs(int(shown.min()) - 8) <= 2


def test_fields_are_woven(cases):
    info, frames, notices = read(cases / "hevc_fields.mkv")
    assert (info.width, info.height, info.frame_rate, info.sample_aspect_ratio) == (64, 128, 25, 1)
    assert len(frames) == 20
    assert [line for line in notices if "woven" in line] == [notices[0]]
    assert not any("another size" in line for line in notices)
