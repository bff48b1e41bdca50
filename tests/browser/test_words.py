"""The page says numbers as the command line does."""

import random

from tcnet.durations import describe_duration, describe_estimate

SAID = """async (seconds) => {
  const words = await import("./static/js/page/words.js");
  return seconds.map((each) => [words.duration(each), words.estimate(each)]);
}"""


def test_durations_are_those_of_the_command_line(visit):
    edges = [
        0,
        0.4,
        1,
        59.4,
        59.5,
        599.4,
        599.5,
        3569.9,
        3570,
        172_769,
        172_770,
        172_800,
        446_531,
        500_400,
        1e7,
    ]
    seconds = [*edges, *range(1, 13_000, 7), *(random.Random(0).uniform(1, 1e6) for _ in range(3000))]
    said = visit().tab.page.evaluate(SAID, seconds)
    for number, (duration, estimate) in zip(seconds, said, strict=True):
        assert duration == describe_duration(number), number
        assert estimate.lower() == describe_estimate(number), number


def test_sizes_that_are_guesses_have_one_digit(visit):
    said = visit().tab.page.evaluate(
        "async (sizes) => { const words = await import('./static/js/page/words.js'); return sizes.map(words.roughBytes); }",
        [700, 1_000_000, 1_020_000, 28_900_000, 1_300_000_000, 9.7e11],
    )
    assert said == ["700 bytes", "1 MiB", "1 MiB", "30 MiB", "1 GiB", "900 GiB"]
