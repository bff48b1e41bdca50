"""Every file of the zoo through the product: nothing shifted, nothing lost."""

import pytest
from zoo_catalogue import ZOO
from zoo_limits import LIMITS
from zoo_run import upscale_specimen

ALARMS = ("damaged", "cut short", "errors", "gaps", "did not increase")  # no file of the zoo is damaged


@pytest.mark.parametrize("specimen", ZOO, ids=lambda specimen: specimen.file_name[:40])
def test_what_comes_in_comes_out_four_times_larger(tmp_path, specimen):
    outcome = upscale_specimen(specimen, tmp_path)
    assert {name: texts for name, texts in outcome.differences.items() if texts} == {}
    assert outcome.unneeded == []
    assert [line for line in outcome.notices if any(word in line for word in ALARMS)] == []


def test_the_zoo_is_large_and_its_limits_belong_to_it():
    names = [specimen.file_name for specimen in ZOO]
    assert len(set(names)) == len(names) >= 60
    assert set(LIMITS) <= set(names)
