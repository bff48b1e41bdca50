"""What is special about pictures, through the whole program: alpha, HDR, fields, parts."""

from fractions import Fraction

import av
import numpy as np

from fake_networks import Nearest
from tcnet.inference import UpscaleOptions
from tcnet.upscale import upscale_video
from tcnet.video import EncodeOptions, ReadOptions, open_source, write_png

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=4)
SIZE = (24, 32)


def ramp(index):
    return ((np.arange(SIZE[1])[None, :] * 8 + np.arange(SIZE[0])[:, None] + index) % 256).astype(np.uint8)


def test_transparent_images_are_enlarged_with_their_alpha(tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(3):
        write_png(tmp_path / "in" / f"{index}.png", np.full((*SIZE, 3), 90, np.uint8), ramp(index))
    upscale_video(tmp_path / "in", tmp_path / "out", model=Nearest(), options=OPTIONS)
    with open_source(tmp_path / "out") as source:
        frames = list(source)
        assert source.info.alpha
    for index, frame in enumerate(frames):
        assert frame.alpha.shape == (96, 128)
        assert (frame.pixels == 90).all()
        # Whatever enlarges it: the mean of each 4x4 block is about the sample that it came from.
        blocks = frame.alpha.reshape(24, 4, 32, 4).mean((1, 3))
        assert np.abs(blocks - ramp(index))[2:-2, 2:-2][:, 3:-3].mean() < 8


def test_a_part_of_images_keeps_their_names(tmp_path):
    (tmp_path / "in").mkdir()
    for index in range(6):
        write_png(tmp_path / "in" / f"shot{index}.png", np.full((*SIZE, 3), 20 * index, np.uint8))
    read = ReadOptions(start=Fraction(2, 25), end=Fraction(4, 25))
    upscale_video(tmp_path / "in", tmp_path / "out", model=Nearest(), options=OPTIONS, read=read)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["shot2.png", "shot3.png"]
    with open_source(tmp_path / "out") as source:
        assert [frame.pixels[0, 0, 0] for frame in source] == [40, 60]


def write_video(
    path,
    *,
    codec="ffv1",
    pixel_format="yuv420p",
    count=12,
    size=(64, 64),
    options=None,
    color=None,
    make=None,
):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], pixel_format
        context = stream.codec_context
        if color:
            context.color_range, context.colorspace, context.color_primaries, context.color_trc = color
        sound = container.add_stream("flac", rate=48000, layout="mono")
        for index in range(count):
            gray = np.full(size, 40 + 4 * index, np.uint8) if make is None else make(index)
            picture = av.VideoFrame.from_ndarray(gray, "gray").reformat(format=pixel_format)
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
        for index in range(count):
            samples = av.AudioFrame.from_ndarray(np.full((1, 1920), index, np.int16), "s16", "mono")
            samples.sample_rate, samples.pts, samples.time_base = 48000, 1920 * index, Fraction(1, 48000)
            container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
    return path


def test_a_part_of_a_video_with_its_sound(tmp_path):
    path = write_video(tmp_path / "in.mkv", count=50)
    read = ReadOptions(start=Fraction(1, 2), end=Fraction(3, 2))
    result = upscale_video(path, model=Nearest(), options=OPTIONS, read=read)
    assert result.frames == 25
    with open_source(result.output) as source:
        frames = list(source)
    assert [frame.seconds for frame in frames] == [Fraction(i, 25) for i in range(25)]
    assert abs(int(frames[0].pixels[0, 0, 0]) - (40 + 4 * 13)) <= 2
    with av.open(str(result.output)) as container:
        times = [packet.pts * packet.time_base for packet in container.demux(audio=0) if packet.size]
    assert times[0] <= 0
    assert 0.85 < times[-1] < 1


def test_hdr_goes_through_with_its_metadata(tmp_path):
    parameters = (
        "max-cll=980,412:master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    )
    path = write_video(
        tmp_path / "in.mp4", codec="libx265", pixel_format="yuv420p10le", count=3, color=(1, 9, 9, 16),
        options={"x265-params": f"log-level=error:{parameters}"},
    )  # fmt: skip
    result = upscale_video(path, model=Nearest(), options=OPTIONS)
    with open_source(path) as before, open_source(result.output) as after:
        assert after.info.hdr == before.info.hdr
        assert after.info.hdr.max_content == 980
        assert after.info.color == before.info.color
        assert (after.info.codec, after.info.bit_depth, after.info.width) == ("hevc", 10, 256)
        assert [frame.pixels.dtype for frame in after] == [np.uint16] * 3
    assert "written with hevc: few players show HDR in H.264" in result.notices


def test_interlaced_input_is_told_of_before_the_run_and_comes_without_combs(tmp_path):
    def woven(index):
        columns = np.arange(64)[None, :].repeat(64, 0)
        fields = [np.where((columns + 3 * (2 * index + k)) % 40 < 20, 60, 190) for k in (0, 1)]
        return np.where(np.arange(64)[:, None] % 2 == 0, *fields).astype(np.uint8)

    path = write_video(tmp_path / "in.mkv", make=woven)
    told = []
    encode = EncodeOptions(codec="ffv1")
    result = upscale_video(path, model=Nearest(), options=OPTIONS, encode=encode, on_plan=told.append)
    words = (
        "the input is interlaced (top field first): it is deinterlaced (--deinterlace off leaves it as it is)"
    )
    assert words in told[0].notices
    assert words in result.notices
    with open_source(result.output) as source:
        frames = list(source)
    assert len(frames) == 12
    combs = [np.abs(np.diff(frame.pixels[2::4, :, 0].astype(int), axis=0)).mean() for frame in frames[1:-1]]
    assert max(combs) < 5
    off = ReadOptions(deinterlace="off")
    upscale_video(path, model=Nearest(), options=OPTIONS, encode=encode, read=off, overwrite=True)
    with open_source(result.output, off) as source:
        assert min(np.abs(np.diff(f.pixels[2::4, :, 0].astype(int), axis=0)).mean() for f in source) > 10
