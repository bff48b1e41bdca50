from fractions import Fraction

import pytest

from tcnet.errors import UsageError
from tcnet.video import ReadOptions


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"frame_rate": Fraction(-25)}, "-25 is not positive"),
        ({"start": Fraction(-1, 2)}, "start -0.5 s is before the first frame"),
        ({"start": Fraction(2), "end": Fraction(2)}, "end 2 s is not after the start"),
        ({"end": Fraction(0)}, "end 0 s is not after the start"),
        ({"deinterlace": "bob"}, "unknown deinterlace 'bob'; choose auto, double, on, off"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(wrong, words):
    with pytest.raises(UsageError, match=words) as caught:
        ReadOptions(**wrong)
    assert "\n" not in str(caught.value)


def test_a_part_is_asked_for_by_either_end():
    assert not ReadOptions().cuts
    assert ReadOptions(start=Fraction(0)).cuts
    assert ReadOptions(end=Fraction(1, 3)).cuts
