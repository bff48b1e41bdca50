"""The filter against a stand-in for VapourSynth, on any Python: formats, properties, errors.

tests/test_vapoursynth_scripts.py has the real one.
"""

import importlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

import tcnet
from detail_models import write_denoise_models
from fake_networks import Nearest, TemporalBox

OPTIONS = {"device": "cpu", "precision": "fp32"}


class FakeFrame(list):
    """Three float planes."""

    def __init__(self, planes, props):
        super().__init__(planes)
        self.props = props
        self.height, self.width = planes[0].shape

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def copy(self):
        return FakeFrame([plane.copy() for plane in self], dict(self.props))


class FakeNode:
    """A clip; `std` is the clip itself."""

    def __init__(self, vs, frames, format_id=1, name="RGBS"):
        self.vs, self.frames, self.num_frames = vs, frames, len(frames)
        self.format = SimpleNamespace(id=format_id, name=name, color_family=1)
        self.height, self.width = frames[0].height, frames[0].width
        self.std = self
        self.make = lambda number: frames[number]

    def get_frame(self, number):
        return self.make(number)

    def BlankClip(self, width, height, keep):  # noqa: N802 - VapourSynth's name
        assert keep
        planes = [np.zeros((height, width), self.frames[0][0].dtype) for _ in range(3)]
        return FakeNode(self.vs, [FakeFrame(planes, {})] * self.num_frames)

    def ModifyFrame(self, clips, selector):  # noqa: N802
        made = FakeNode(self.vs, self.frames)
        made.make = lambda number: selector(number, clips.get_frame(number))
        return made

    def CopyFrameProps(self, other):  # noqa: N802
        made = FakeNode(self.vs, self.frames)

        def with_properties(number):
            frame = self.get_frame(number)
            frame.props = dict(other.get_frame(number).props)
            return frame

        made.make = with_properties
        return made


@pytest.fixture
def vs(monkeypatch):
    """The stand-in, with `tcnet.vapoursynth` loaded on it alone."""
    module = ModuleType("vapoursynth")
    module.Error = type("Error", (Exception,), {})
    module.VideoNode, module.VideoFrame = FakeNode, FakeFrame
    module.RGBS, module.RGBH, module.RGB, module.MESSAGE_TYPE_WARNING = 1, 2, 1, 2
    module.log = []
    module.core = SimpleNamespace(
        num_threads=2, log_message=lambda kind, text: module.log.append((kind, text))
    )
    monkeypatch.setitem(sys.modules, "vapoursynth", module)
    monkeypatch.delitem(sys.modules, "tcnet.vapoursynth", raising=False)
    module.upscale = importlib.import_module("tcnet.vapoursynth").upscale
    yield module
    sys.modules.pop("tcnet.vapoursynth", None)
    vars(tcnet).pop("vapoursynth", None)


def noise(vs, count, props=lambda number: {}, dtype=np.float32, **options):
    random = np.random.default_rng(0)
    frames = [
        FakeFrame([random.random((24, 32)).astype(dtype) for _ in range(3)], {"Number": i, **props(i)})
        for i in range(count)
    ]
    return FakeNode(vs, frames, **options)


@pytest.mark.parametrize(("dtype", "format_id"), [(np.float32, 1), (np.float16, 2)])
def test_planes_and_properties_come_out_in_their_format(vs, dtype, format_id):
    clip = noise(vs, 3, dtype=dtype, format_id=format_id)
    large = vs.upscale(clip, Nearest(), **OPTIONS)
    assert (large.width, large.height, large.num_frames) == (128, 96, 3)
    for number in (2, 0):
        frame = large.get_frame(number)
        assert frame.props == {"Number": number}
        for plane, source in zip(frame, clip.frames[number], strict=True):
            assert plane.dtype == dtype
            np.testing.assert_allclose(plane[::4, ::4], source, atol=5e-4 if dtype == np.float16 else 1e-5)


def test_frames_are_cleaned_as_the_argument_says_and_are_those_of_an_upscaler(vs, tmp_path):
    model = write_denoise_models(tmp_path)
    clip = noise(vs, 3, lambda number: {"_SceneChangePrev": 0})
    pixels = [np.stack([np.rint(plane * 65535) for plane in frame], -1) for frame in clip.frames]
    shown = []
    for denoise in (None, 0.0, 0.5):  # None: the card's
        large = vs.upscale(clip, str(model), denoise=denoise, **OPTIONS)
        upscaler = tcnet.Upscaler(model, denoise=denoise, scene_cuts=False, **OPTIONS)
        for number, expected in enumerate(upscaler.stream(frame.astype(np.uint16) for frame in pixels)):
            found = np.stack(large.get_frame(number), -1)
            np.testing.assert_allclose(found, expected / np.float32(65535), atol=1e-6)
        shown.append(found)
    assert not np.allclose(shown[0], shown[1], atol=1e-3)
    assert not np.allclose(shown[1], shown[2], atol=1e-3)
    with pytest.raises(vs.Error, match=r"^tcnet: denoise is 2, it must be from 0 to 1"):
        vs.upscale(clip, str(model), denoise=2.0)
    with pytest.raises(
        vs.Error, match=r"^tcnet: denoise 0\.5 is asked for, but this network was loaded with 0"
    ):
        vs.upscale(clip, Nearest(), denoise=0.5)


@pytest.mark.parametrize(
    "props",
    [
        lambda number: {"_SceneChangePrev": int(number == 5)},
        lambda number: {"_SceneChangeNext": int(number == 4)},
        lambda number: {"_SceneChangePrev": int(number == 5), "_SceneChangeNext": int(number == 4)},
    ],
)
def test_a_scene_ends_where_the_properties_say(vs, props):
    clip = noise(vs, 10, props)
    large = vs.upscale(clip, TemporalBox(2), window=16, overlap=4, **OPTIONS)
    red = [frame[0] for frame in clip.frames]
    for number, members in ((4, red[2:5]), (5, red[5:8])):
        found = large.get_frame(number)[0][::4, ::4]
        np.testing.assert_allclose(found, np.mean(members, axis=0), atol=0.005)  # the network rounds to 1/255
    joined = vs.upscale(clip, TemporalBox(2), window=16, overlap=4, scene_cuts=False, **OPTIONS)
    found = joined.get_frame(4)[0][::4, ::4]
    np.testing.assert_allclose(found, np.mean(red[2:7], axis=0), atol=0.005)


def test_each_notice_is_a_warning_in_the_log_once(vs, monkeypatch):
    monkeypatch.setattr("tcnet.inference.upscaler.available_memory", lambda device: None)
    large = vs.upscale(noise(vs, 3), Nearest(), **OPTIONS)
    for number in range(3):
        large.get_frame(number)
    assert [kind for kind, _ in vs.log] == [vs.MESSAGE_TYPE_WARNING]
    assert vs.log[0][1].startswith("tcnet: this system does not report its free memory")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "tcnet-none"}, "unknown model 'tcnet-none'"),
        ({"model": None}, "a model must be a name.*, got NoneType"),
        ({"scale": 5}, "scale is 5"),
        ({"scale": "2"}, "scale is '2', it must be a number"),
        ({"options": {"scale": 2}}, "options must be tcnet.UpscaleOptions, got dict"),
        ({"window": 3, "overlap": 4}, "window of 3 frames is too short"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
    ],
)
def test_errors_are_those_of_vapoursynth(vs, options, message):
    with pytest.raises(vs.Error, match=f"^tcnet: .*{message}"):
        vs.upscale(noise(vs, 2), **{"model": Nearest(), **options})


def test_other_formats_are_refused(vs):
    yuv = noise(vs, 2, format_id=9, name="YUV420P8")
    yuv.format.color_family = 3
    line = r"clip.resize.Bicubic\(format=vs.RGBS, matrix_in_s='709'\)"
    with pytest.raises(vs.Error, match=f"clip is YUV420P8.*{line}"):
        vs.upscale(yuv, Nearest())
    with pytest.raises(vs.Error, match=r"clip is RGB24.*clip.resize.Bicubic\(format=vs.RGBS\)$"):
        vs.upscale(noise(vs, 2, format_id=8, name="RGB24"), Nearest())
    clip = noise(vs, 2)
    clip.format = None
    with pytest.raises(vs.Error, match="changes format or size"):
        vs.upscale(clip, Nearest())
    with pytest.raises(vs.Error, match="must be a video clip, got list"):
        vs.upscale([], Nearest())


def test_values_that_are_not_finite_are_refused(vs):
    clip = noise(vs, 2)
    clip.frames[1][2][3, 4] = np.nan
    with pytest.raises(vs.Error, match="frame 1 has values that are not finite"):
        vs.upscale(clip, Nearest(), **OPTIONS).get_frame(0)


@pytest.mark.parametrize("order", [1, 2])
def test_interlaced_frames_are_refused_with_what_to_do(vs, order):
    clip = noise(vs, 3, lambda number: {"_FieldBased": order if number == 2 else 0})
    line = rf"frame 2 is interlaced \(_FieldBased is {order}\): deinterlace .* clip.std.SetFieldBased\(0\)$"
    with pytest.raises(vs.Error, match=f"^tcnet: {line}"):
        vs.upscale(clip, Nearest(), **OPTIONS).get_frame(2)


def test_without_vapoursynth_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "vapoursynth", None)
    monkeypatch.delitem(sys.modules, "tcnet.vapoursynth", raising=False)
    with pytest.raises(ImportError, match=r"pip install '.\[vapoursynth\]'"):
        importlib.import_module("tcnet.vapoursynth")
