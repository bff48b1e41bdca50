import sys
import warnings
from pathlib import Path

import pytest

from tcnet.system import process


@pytest.mark.parametrize(
    ("cores", "load", "free"),
    [
        (2, "0.00 0.01 0.05 1/123 4567", True),
        (2, "1.90 1.01 0.05 2/123 4567", False),
        (8, "9.00 9.01 9.05 4/123 4567", True),
        (8, "0.00 0.01 0.05 5/123 4567", False),
    ],
)
def test_cores_are_free_while_at_most_half_of_them_have_work_now(monkeypatch, tmp_path, cores, load, free):
    monkeypatch.setattr(process.os, "cpu_count", lambda: cores)
    path = tmp_path / "loadavg"
    path.write_text(load)
    assert process._cores_are_free(path) is free


def test_where_the_load_is_not_known_cores_are_not_free():
    assert not process._cores_are_free(Path("no such file"))


@pytest.mark.parametrize(("free", "wanted"), [(True, "10000"), (False, "1000")])
def test_waiting_threads_spin_longer_where_cores_are_free(monkeypatch, free, wanted):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(process, "_cores_are_free", lambda: free)
    process.keep_threads_asleep()
    assert process.os.environ["GOMP_SPINCOUNT"] == wanted


@pytest.mark.skipif(sys.platform != "linux", reason="libgomp is torch's on Linux")
@pytest.mark.parametrize(
    ("given", "warned"),
    [
        ({}, True),
        ({"GOMP_SPINCOUNT": "1000"}, False),
        ({"OMP_WAIT_POLICY": "active"}, False),
        ({"TCNET_PROCESS_SETTINGS": "0"}, False),
    ],
)
def test_computing_warns_of_threads_that_spin_unless_told_otherwise(monkeypatch, given, warned):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "TCNET_PROCESS_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(process, "keep_freed_memory", lambda: None)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        process.on_computing.__wrapped__()
    assert ["Import tcnet before torch" in str(each.message) for each in said] == [True] * warned
