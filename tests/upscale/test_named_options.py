from dataclasses import fields
from fractions import Fraction

import pytest

from tcnet.errors import UsageError
from tcnet.inference import UpscaleOptions
from tcnet.upscale import plan_video, upscale_video
from tcnet.upscale.named_options import NamedOptions, run_options
from tcnet.video import EncodeOptions, ReadOptions


def test_all_options_have_a_name():
    objects = (UpscaleOptions, EncodeOptions, ReadOptions)
    expected = [field.name for each in objects for field in fields(each)]
    names = {name for kind in NamedOptions.__mro__ for name in getattr(kind, "__annotations__", ())}
    assert len(set(expected)) == len(expected)
    assert names == set(expected)


def test_names_stand_in_place_of_what_the_objects_say():
    chosen = run_options(
        upscale_video, UpscaleOptions(scale=3, tile=64), None, ReadOptions(start=Fraction(1)),
        {"scale": 2, "crf": 20, "end": 12.1, "frame_rate": Fraction(30000, 1001)},
    )  # fmt: skip
    assert chosen.upscale == UpscaleOptions(scale=2, tile=64)
    assert chosen.encode == EncodeOptions(crf=20)
    assert chosen.read == ReadOptions(
        start=Fraction(1), end=Fraction(121, 10), frame_rate=Fraction(30000, 1001)
    )


@pytest.mark.parametrize("function", [upscale_video, plan_video])
@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({"scael": 2}, "takes no 'scael'; did you mean 'scale'?"),
        ({"overwrit": True}, "takes no 'overwrit'; did you mean 'overwrite'?"),
        ({"zzz": 1}, "takes no 'zzz'; it takes allow_network, "),
        ({"start": "1:05"}, "start is '1:05': give seconds, such as 65 or 12.5"),
        ({"end": float("nan")}, "end is nan: give seconds"),
        ({"scale": 2, "height": 720}, "scale and height exclude each other"),
        ({"codec": "vp9"}, "unknown codec 'vp9'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_before_the_file_is_opened(function, named, words):
    with pytest.raises(UsageError) as caught:
        function("gone.mp4", **named)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
