from dataclasses import replace

import pytest

from tcnet.errors import MediaError
from tcnet.video.color.h273 import default_matrix, output_color, resolve_color
from tcnet.video.frame import ColorSpec


def test_a_matrix_that_is_not_known_is_refused():
    with pytest.raises(MediaError, match="14"):
        resolve_color("yuv420p10le", 1080, matrix=14, color_range=1, primaries=9, transfer=16)


def test_untagged_defaults():
    assert default_matrix(719) == 6
    assert default_matrix(720) == 1
    assert default_matrix(480, primaries=1) == 1
    assert default_matrix(2160, primaries=9) == 9
    tags = {"matrix": 2, "color_range": 0, "primaries": 2, "transfer": 2}
    assert resolve_color("yuv420p", 480, **tags) == ColorSpec(6, full_range=False)
    assert resolve_color("yuv420p", 1080, **tags) == ColorSpec(1, full_range=False)
    assert resolve_color("yuvj420p", 480, **tags) == ColorSpec(6, full_range=True)
    assert resolve_color("rgb24", 1080, **tags) == ColorSpec(0, full_range=True)
    assert resolve_color("gray", 1080, **tags) == ColorSpec(0, full_range=True)


def test_output_of_rgb_input_is_tagged_limited_with_the_default_matrix():
    rgb = ColorSpec(0, full_range=True, primaries=1, transfer=13)
    assert output_color(rgb, "yuv420p", 400) == ColorSpec(1, full_range=False, primaries=1, transfer=13)
    assert output_color(replace(rgb, primaries=2), "yuv420p", 400).matrix == 6
    assert output_color(ColorSpec(9, full_range=False), "gbrp", 400) == ColorSpec(0, full_range=True)
