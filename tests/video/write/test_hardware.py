"""Encoders of graphics processors, as far as a machine without any can try them: x264 stands in for one that works."""

from dataclasses import replace

import av
import numpy as np
import pytest

from fake_networks import Nearest, make_frames, make_info
from tcnet.errors import UsageError
from tcnet.inference import UpscaleOptions
from tcnet.upscale import plan_video, upscale_video
from tcnet.video import EncodeOptions, available_hardware, open_sink, open_source
from tcnet.video.write.encode import encoder_choice, hardware
from tcnet.video.write.encode.codecs import encoder_or_none, plan_encoding
from tcnet.video.write.encode.encoder_choice import choose_encoder
from tcnet.video.write.encode.hardware import HARDWARE, HardwareEncoder, codecs_of, hardware_encoder

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4)
X264 = HardwareEncoder("libx264", {"yuv420p": "nv12"}, lambda quality: {"crf": str(quality)})
ABSENT = HardwareEncoder("h264_absent", {"yuv420p": "nv12"}, lambda quality: {"cq": str(quality)})
ALL = [(kind, codec) for kind in HARDWARE for codec in codecs_of(kind)]


@pytest.fixture
def works(monkeypatch):
    """H.264 by nvenc works: it is x264, which takes the same surfaces."""
    monkeypatch.setitem(hardware._FOUND, ("nvenc", "h264"), X264)


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setitem(hardware._FOUND, ("nvenc", "h264"), ABSENT)


def choose(tmp_path, info=None, **options):
    info = info or make_info(None, 96, 128)
    return choose_encoder(tmp_path / "out.mkv", info, EncodeOptions(**options), "h264", muxer="matroska")


@pytest.mark.parametrize(("kind", "codec"), ALL)
def test_names_formats_and_options_are_those_of_ffmpeg(kind, codec):
    """Of the encoders that this build has, whatever processor is there."""
    found = hardware_encoder(kind, codec)
    assert found.name == f"{codec}_{kind}"
    there = encoder_or_none(found.name)
    if there is None:
        pytest.skip(f"this build of FFmpeg has no {found.name}")
    assert set(found.surfaces.values()) <= {offered.name for offered in there.video_formats}
    known = there.create("video").supported_options
    names = {option.name for option in (*known.private, *known.generic)}
    assert set(found.options(20, 51)) <= names


@pytest.mark.parametrize(("kind", "codec"), ALL)
@pytest.mark.parametrize("depth", [8, 10])
def test_each_has_a_plan_with_the_quality_that_was_asked_for(kind, codec, depth):
    info = make_info(None, 96, 128, bit_depth=depth)
    if (codec, depth) == ("h264", 10):
        with pytest.raises(UsageError, match="'h264' cannot hold 10 bits; choose hevc"):
            plan_encoding(info, EncodeOptions(codec=codec, encoder=kind), codec)
        return
    default = plan_encoding(info, EncodeOptions(codec=codec, encoder=kind), codec)
    assert (default.codec, default.encoder) == (codec, f"{codec}_{kind}")
    assert default.surface is not None
    if codec != "prores":
        coarse = plan_encoding(info, EncodeOptions(codec=codec, encoder=kind, crf=40), codec)
        assert coarse.options != default.options
        with pytest.raises(UsageError, match="crf 70 is out of range"):
            plan_encoding(info, EncodeOptions(codec=codec, encoder=kind, crf=70), codec)


def test_the_same_quality_is_asked_of_all():
    found = {kind: hardware_encoder(kind, "h264").options(16, 51) for kind in HARDWARE}
    assert found["nvenc"]["cq"] == found["qsv"]["global_quality"] == found["amf"]["qp_i"] == "16"
    assert found["videotoolbox"]["global_quality"] == str(68 * 118)  # -q:v 68
    assert hardware_encoder("nvenc", "av1").options(63, 63)["cq"] == "51"
    assert hardware_encoder("nvenc", "h264").options(0, 51)["cq"] == "1"  # 0 means automatic


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"encoder": "videotoolbox", "codec": "av1"},
            "videotoolbox has no av1: choose codec h264 or hevc or prores",
        ),
        (
            {"encoder": "nvenc", "codec": "ffv1"},
            "nvenc has no ffv1: choose codec h264 or hevc or av1, or encoder so",
        ),
        (
            {"encoder": "qsv", "pixel_format": "yuv444p"},
            "'yuv444p' cannot be written with h264_qsv; choose yuv420p",
        ),
    ],
)
def test_what_no_such_hardware_can_do_is_refused_before_the_work(tmp_path, options, words):
    with pytest.raises(UsageError, match=words) as caught:
        choose(tmp_path, **options)
    assert "\n" not in str(caught.value)


def test_an_unknown_one_is_refused():
    with pytest.raises(
        UsageError, match="unknown encoder 'gpu'; choose auto, software, nvenc, videotoolbox, qsv,"
    ):
        EncodeOptions(encoder="gpu")


@pytest.mark.parametrize("asked", ["auto", "software"])
def test_auto_is_software(tmp_path, asked):
    plan = choose(tmp_path, encoder=asked)
    assert (plan.encoder, plan.surface, plan.notices) == ("libx264", None, ())


def test_where_it_does_not_work_software_encodes_and_a_notice_says_why(tmp_path, absent, monkeypatch):
    plan = choose(tmp_path, encoder="nvenc", crf=20)
    assert plan == replace(choose(tmp_path, crf=20), notices=plan.notices)
    assert plan.notices == (
        "encoder nvenc does not work here (this build of FFmpeg has no h264_absent): libx264 encodes instead",
    )
    monkeypatch.setattr(encoder_choice, "refusal", lambda *_: "no driver")
    (notice,) = choose(tmp_path, encoder="qsv").notices
    assert notice == "encoder qsv does not work here (no driver): libx264 encodes instead"
    with pytest.raises(UsageError, match=r"qsv does not work here \(no driver\), and its options may mean"):
        choose(tmp_path, encoder="qsv", encoder_options={"preset": "slow"})


@pytest.mark.parametrize("kind", ["nvenc", "qsv", "amf"])
def test_a_trial_on_this_machine_ends_in_a_plan(tmp_path, kind):
    """With such a processor or without."""
    plan = choose(tmp_path, make_info(None, 256, 320), encoder=kind)
    assert plan.encoder in ("libx264", f"h264_{kind}")
    assert len(plan.notices) == 1
    assert "\n" not in plan.notices[0]


def test_surfaces_hold_the_same_samples():
    random = np.random.default_rng(0)
    for planar, surface, most in (
        ("yuv420p", "nv12", 255), ("yuv420p10le", "p010le", 1023), ("yuv422p10le", "p210le", 1023)
    ):  # fmt: skip
        picture = av.VideoFrame(64, 48, planar)
        for plane in picture.planes:
            kind = np.uint8 if most == 255 else np.uint16
            plane.update(
                random.integers(0, most, plane.buffer_size // kind().nbytes, kind, endpoint=True).tobytes()
            )
        packed = picture.reformat(format=surface)
        back = packed.reformat(format=planar)
        for before, after in zip(picture.planes, back.planes, strict=True):
            assert bytes(before) == bytes(after)
        assert packed.format.name == surface


def write_source(path):
    sink = open_sink(path, info=make_info(None), options=EncodeOptions(codec="ffv1", pixel_format="bgr0"))
    for frame in make_frames(12):
        sink.write(frame)
    sink.finish()
    return path


def pictures(path):
    with open_source(path) as source:
        return [frame.pixels for frame in source]


def test_a_whole_run_is_encoded_by_hardware_that_works(tmp_path, works):
    source = write_source(tmp_path / "in.mkv")
    encode = EncodeOptions(encoder="nvenc", crf=12)
    plan = plan_video(source, tmp_path / "out.mp4", model=Nearest(), options=OPTIONS, encode=encode)
    assert any(
        line.startswith("libx264 encodes: it may give other packets each time") for line in plan.notices
    )
    result = upscale_video(source, tmp_path / "out.mp4", model=Nearest(), options=OPTIONS, encode=encode)
    software = EncodeOptions(crf=12, encoder_options={"preset": "medium"})
    upscale_video(source, tmp_path / "soft.mp4", model=Nearest(), options=OPTIONS, encode=software)
    assert result.frames == 12
    for got, wanted in zip(pictures(tmp_path / "out.mp4"), pictures(tmp_path / "soft.mp4"), strict=True):
        assert np.abs(got.astype(int) - wanted).mean() < 3


def test_a_file_is_never_made_by_two_encoders(tmp_path, absent, monkeypatch):
    source = write_source(tmp_path / "in.mkv")

    def run(progress=None):
        upscale_video(
            source, tmp_path / "out.mkv", model=Nearest(), options=OPTIONS, segment_frames=4, progress=progress,
            encode=EncodeOptions(encoder="nvenc"),
        )  # fmt: skip

    def stop(now):
        if now.frames_done == 11:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(stop)
    assert (tmp_path / ".out.mkv.tcnet").exists()
    monkeypatch.setitem(
        hardware._FOUND, ("nvenc", "h264"), replace(X264, quality=lambda _: {"preset": "slow"})
    )
    with pytest.raises(UsageError, match="an unfinished run of it had another"):
        run()
    monkeypatch.setitem(hardware._FOUND, ("nvenc", "h264"), ABSENT)
    run()
    assert len(pictures(tmp_path / "out.mkv")) == 12


def test_on_a_cluster_it_is_refused(tmp_path):
    source = write_source(tmp_path / "in.mkv")
    with pytest.raises(
        UsageError,
        match="encoder nvenc encodes on this machine alone: leave out the encoder or the cluster",
    ):
        plan_video(
            source, tmp_path / "out.mkv", model=Nearest(), options=OPTIONS, cluster=object(),
            encode=EncodeOptions(encoder="nvenc"),
        )  # fmt: skip


def test_alpha_goes_where_the_asked_encoder_writes(tmp_path, works):
    plan = choose(tmp_path, replace(make_info(None, 96, 128), alpha=True), encoder="nvenc")
    assert plan.codec == "h264"
    assert any("alpha channel is dropped" in line for line in plan.notices)


def test_those_that_work_are_listed(monkeypatch):
    monkeypatch.setattr(hardware, "_FOUND", {("nvenc", "h264"): X264, ("qsv", "h264"): ABSENT})
    assert available_hardware() == {"nvenc": ["h264"]}
