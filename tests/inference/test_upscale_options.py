import numpy as np
import pytest

from tcnet.errors import UsageError
from tcnet.inference.upscale_options import UpscaleOptions, output_size


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, (96, 132)),
        ({"scale": 4}, (96, 132)),
        ({"scale": 3}, (72, 100)),  # 99 is odd
        ({"scale": 2}, (48, 66)),
        ({"scale": 1}, (24, 34)),
        ({"scale": 1.5}, (36, 50)),
        ({"scale": 1.1}, (26, 36)),
        ({"height": 96}, (96, 132)),
        ({"height": 60}, (60, 82)),  # 82.5
        ({"width": 100}, (72, 100)),  # 72.7
        ({"width": 2}, (2, 2)),
    ],
)
def test_output_size_keeps_the_aspect_ratio_and_is_even(options, expected):
    assert output_size(24, 33, UpscaleOptions(**options)) == expected


def test_no_size_beyond_the_networks_scale():
    with pytest.raises(UsageError, match=r"height 98 is more than x4 of this input: the most is 96"):
        output_size(24, 33, UpscaleOptions(height=98))
    with pytest.raises(UsageError, match=r"width 134 .* the most is 132"):
        output_size(24, 33, UpscaleOptions(width=134))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"height": 100, "width": 100}, "height and width exclude each other"),
        ({"scale": 2, "width": 100}, "scale and width exclude each other"),
        ({"scale": 5}, "scale is 5"),
        ({"scale": 0.5}, "scale is 0.5"),
        ({"scale": float("nan")}, "scale is nan"),
        ({"height": 101}, "height is 101, it must be even"),
        ({"width": 0}, "width is 0"),
        ({"window": 0}, "window is 0, it must be at least 1"),
        ({"overlap": -1}, "overlap is -1"),
        ({"tile": 0}, "tile is 0"),
        ({"tile_overlap": -1}, "tile overlap is -1"),
        ({"memory_limit": 0}, "memory limit is 0"),
        ({"precision": "half"}, "unknown precision 'half'"),
        ({"device": "gpu"}, "unknown device 'gpu'"),
    ],
)
def test_values_that_cannot_be_are_refused(options, message):
    with pytest.raises(UsageError, match=message):
        UpscaleOptions(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scale": "2"}, "scale is '2', it must be a number"),
        ({"detail": [0.5]}, r"detail is \[0.5\], it must be a number"),
        ({"window": "20"}, "window is '20', it must be a whole number"),
        ({"tile_overlap": 1.5}, "tile overlap is 1.5, it must be a whole number"),
    ],
)
def test_values_of_other_types_are_refused(options, message):
    with pytest.raises(TypeError, match=f"^{message}$"):
        UpscaleOptions(**options)


def test_numbers_of_numpy_are_numbers():
    options = UpscaleOptions(scale=np.float32(2.5), window=np.int64(20))
    assert output_size(24, 32, options) == (60, 80)
