"""The page of `tcnet serve` in a real Chromium, against a real server with tiny weights. Run by `make test-web`.

Not part of the default suite, which needs no browser: collected only where TCNET_BROWSER is set.
"""

import os
import shutil
import sys
from pathlib import Path

import pytest

if os.environ.get("TCNET_BROWSER"):
    # With import-mode=importlib no folder of tests is on the path.
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    from browser_page import LAUNCH, Visitor
    from playwright.sync_api import sync_playwright
    from server_process import ServerProcess
    from tiny import write_clip, write_counted, write_noise, write_weights
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A folder with weights, tiny.safetensors; and videos: clip.mkv for all that is to be quick, long.mkv for what
    is stopped in the middle, counted.mp4 whose frames can be told apart, noise.mkv whose upload takes a while."""
    folder = tmp_path_factory.mktemp("material")
    write_weights(folder / "tiny.safetensors")
    write_clip(folder / "clip.mkv", frames=8, height=48, width=64)
    write_clip(folder / "long.mkv", frames=600, height=48, width=64)
    write_counted(folder / "counted.mp4", frames=40, height=48, width=64)
    write_noise(folder / "noise.mkv", frames=100, height=96, width=128)
    return folder


@pytest.fixture
def own(material, tmp_path):
    """A copy of a video under a name that no other test's job has."""
    return lambda kind, name: Path(shutil.copy(material / kind, tmp_path / name))


@pytest.fixture(scope="session")
def start_server(material, tmp_path_factory):
    """Starts servers with options of their own; all are ended with the session."""
    servers = []

    def start(*options, data_dir=None):
        data_dir = data_dir or tmp_path_factory.mktemp("data")
        server = ServerProcess(data_dir, material / "tiny.safetensors", options)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def server(start_server):
    """One for all tests that need nothing special; the jobs of the others are there too."""
    return start_server("--max-upload", str(8 / 1024))


@pytest.fixture(scope="session")
def done_job(server, material):
    """The id of a finished job of clip.mkv."""
    return server.run_job(material / "clip.mkv")


@pytest.fixture(scope="session")
def chromium():
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium here; `make test-web` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=LAUNCH)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, server):
    """Opens the page as a new visitor. In the end nothing may have gone wrong unsaid: no error in the console, no
    request to another host, nothing that the content security policy forbids."""
    visitors = []

    def open_page(address=None, **options):
        visitor = Visitor(chromium, address or server.address, **options)
        visitors.append(visitor)
        return visitor

    yield open_page
    for visitor in visitors:
        visitor.close()
    for visitor in visitors:
        assert visitor.complaints() == []
