from tcnet.catalogue import NAMES
from tcnet.profiling.doctor import PACKAGES, examine
from tcnet.version import __version__


def test_a_report_has_all_that_a_problem_report_needs():
    rows = examine()
    found = dict(rows)
    assert found["tcnet"] == __version__
    assert all(f"{package} " in found["packages"] for package in PACKAGES)
    assert "cpu" in found["devices"]
    assert "h264" in found["codecs"]
    assert "TFLOP/s" in found["convolution"]
    assert "loads" in found["default model"]
    assert [text.split(":")[0] for name, text in rows if name == "model"] == list(NAMES)
    for name, text in rows:
        assert text, name
        assert "\n" not in text, name
