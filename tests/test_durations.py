import pytest

from tcnet.durations import describe_duration, describe_estimate


@pytest.mark.parametrize(
    ("seconds", "exact", "rough"),
    [
        (0.4, "less than a second", "about 1 s"),
        (8.3, "8 s", "about 8 s"),
        (59.7, "1 min", "about 1 min"),
        (250, "4 min 10 s", "about 4 min"),
        (2417, "40 min", "about 40 min"),
        (3599, "1 h", "about 1 h"),
        (12011, "3 h 20 min", "about 3 h 30 min"),
        (446_531, "5 days 4 h", "about 5 days 4 h"),
        (172_799, "2 days", "about 2 days"),
    ],
)
def test_durations_as_people_say_them(seconds, exact, rough):
    assert (describe_duration(seconds), describe_estimate(seconds)) == (exact, rough)


def test_longer_never_reads_as_shorter():
    """No jump where the unit changes: a countdown goes through all of them."""

    def value(text):
        units = {"s": 1, "min": 60, "h": 3600, "days": 86400}
        words = text.split()
        return sum(int(n) * units[unit] for n, unit in zip(words[::2], words[1::2], strict=True))

    said = [value(describe_duration(seconds)) for seconds in range(1, 400_000, 7)]
    assert said == sorted(said)
