import os
import signal
import sys
from pathlib import Path

import pytest

# Before torch is loaded, as `import tcnet` does.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import torch

# With import-mode=importlib no folder of tests is on the path: this makes `fake_networks` importable.
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(autouse=True)
def _one_thread():
    """Small tensors run fastest on one thread, and tests should not depend on how many there are."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_dir():
    """The development data, where there is any."""
    folder = Path(os.environ.get("TCNET_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no development data in {folder} (set TCNET_DATA)")
    return folder


@pytest.fixture(autouse=True, scope="session")
def _signals():
    """Where the tests ignore Ctrl-C or hangups (a script's background, nohup), what they start would do so too;
    handlers are not inherited. No `preexec_fn`: it runs in a copy of this process, which may wait forever."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
