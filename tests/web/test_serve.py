"""`tcnet serve` as people start it, with the real command at work behind it; and the examples of docs/web.md."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tcnet.cli import run
from tcnet.video import open_source

EXAMPLES = Path(__file__).parents[2] / "examples"
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")


@pytest.fixture(scope="session")
def start(tiny):
    """Starts the command; gives the process and the address that it prints."""
    started = []

    def start(folder, *arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "tcnet", "serve", "--port", "0", "--data-dir", "data", "--min-free", "0",
             "--model", f"tiny={tiny}", *arguments],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        started.append(process)
        return process, process.stdout.readline().strip()

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def open_to_others(start, tmp_path_factory):
    """(address, token) of a server that other machines reach."""
    _, url = start(tmp_path_factory.mktemp("open"), "--host", "0.0.0.0")
    address, _, token = url.partition("/#token=")
    return f"http://127.0.0.1:{address.rpartition(':')[2]}", token


def ask(method, address, **more):
    return httpx.request(method, address, timeout=60, **more)  # machines are busy at times


def upload(url, path):
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(path.stat().st_size)}
    location = ask("POST", f"{url}api/uploads", headers=headers).headers["location"]
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "0",
        "Content-Type": "application/offset+octet-stream",
    }
    ask("PATCH", f"{url.rstrip('/')}{location}", headers=headers, content=path.read_bytes())
    return location.rpartition("/")[2]


def until(url, job_id, wanted, seconds=180):
    end = time.monotonic() + seconds
    while not wanted(job := ask("GET", f"{url}api/jobs/{job_id}").json()):
        assert time.monotonic() < end, job
        assert job["state"] not in ("refused", "failed"), job
        time.sleep(0.05)
    return job


def times(path):
    with open_source(path) as source:
        return [frame.seconds for frame in source]


def test_killed_in_the_middle_and_continued(start, web, tmp_path):
    """The power fails: no process is left, and the next server continues. That the result is as that of one
    run is for tests/upscale/test_resume.py."""
    clip = web.clip(tmp_path / "clip.mkv", frames=160)  # enough for any machine to be in the middle
    process, url = start(tmp_path)
    job_id = upload(url, clip)
    ask("POST", f"{url}api/jobs", json={"upload": job_id, "model": "tiny", "scale": 2})
    until(url, job_id, lambda job: job["state"] == "planned")
    ask("POST", f"{url}api/jobs/{job_id}/start")
    before = until(url, job_id, lambda job: job["progress"] and job["progress"]["frames_done"] >= 49)
    assert before["preview"] is not None
    threads = Path(f"/proc/{process.pid}/task").glob("*/children")  # each has its own; none where no Linux is
    ours = [int(pid) for file in threads for pid in file.read_text().split()]
    process.kill()
    process.wait()
    for pid in ours:
        end = time.monotonic() + 30
        while Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text():
            assert time.monotonic() < end, "a child outlives the server"
            time.sleep(0.02)

    process, url = start(tmp_path)
    assert ask("GET", f"{url}api/jobs/{job_id}").json()["state"] in ("queued", "running")
    counts = []

    def done(job):
        counts.append((job["progress"] or {"frames_done": 0})["frames_done"])
        return job["state"] == "done"

    job = until(url, job_id, done)
    assert min(counts) >= 48  # the first segment was not done again
    assert job["result"]["frames"] == 160
    (tmp_path / "result.mkv").write_bytes(ask("GET", f"{url}api/jobs/{job_id}/result").content)
    assert times(tmp_path / "result.mkv") == times(clip)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert time.monotonic() - begin < 15  # most of it the interpreter's own end
    assert (out, err.splitlines()) == (
        "",
        ["jobs are kept in data; Ctrl-C stops, and the next start continues them"],
    )


@pytest.mark.parametrize("kind", ["py", "sh"])
def test_the_examples(open_to_others, web, tmp_path, kind):
    if kind == "sh" and not (shutil.which("curl") and shutil.which("base64")):
        pytest.skip("no curl or base64")
    url, token = open_to_others
    clip = web.clip(tmp_path / "Zähne 'n\" more.mp4")
    if kind == "py":
        command = [
            sys.executable,
            EXAMPLES / "web_client.py",
            url,
            clip,
            "out.mp4",
            "--model",
            "tiny",
            "--token",
            token,
        ]
    else:
        command = ["sh", EXAMPLES / "web_client.sh", url, clip, "out.mp4", "tiny"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "TCNET_TOKEN": token},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("out.mp4")
    with open_source(tmp_path / "out.mp4") as source:
        assert (source.info.width, source.info.height, source.info.frame_count) == (128, 96, 7)
    left = ask("GET", f"{url}/api/jobs", headers={"Authorization": f"Bearer {token}"}).json()["jobs"]
    assert clip.name not in [job["name"] for job in left]
    # A refusal is shown as it is.
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 99)
    command[3] = tmp_path / "bad.mp4"
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        env={**os.environ, "TCNET_TOKEN": token},
    )  # fmt: skip
    assert done.returncode == 1
    assert "refused: bad.mp4: cannot be read as video" in done.stderr


@pytest.mark.slow  # the default model, planned and run
@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("base64")), reason="no curl or base64")
def test_the_lines_for_curl(start, web, tmp_path):
    """Those of docs/web.md as they stand, with a pause where a person waits."""
    web.clip(tmp_path / "clip.mp4")
    _, url = start(tmp_path)
    page = (EXAMPLES.parent / "docs" / "web.md").read_text(encoding="utf-8")
    block = re.search(r"^```\n(S=http.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert block is not None
    lines = block[1].replace("S=http://127.0.0.1:8000", f"S={url.rstrip('/')}")
    waiting = 'until curl -s $S/api/jobs/$ID | grep -q \'"state":"{}"\'; do sleep 0.2; done\n'
    for state, following in (("planned", "curl -X POST $S/api/jobs/$ID/start"), ("done", "curl -OJ")):
        before, found, after = lines.partition(following)
        assert found
        lines = before + waiting.format(state) + found + after
    lines, events = re.subn(r"^curl -N ", "curl -sN -m 2 ", lines, flags=re.MULTILINE)
    assert events == 1
    done = subprocess.run(
        ["sh"], input=lines, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert "event: " in done.stdout
    with open_source(tmp_path / "clip.x2.mp4") as source:
        assert (source.info.width, source.info.height, source.info.frame_count) == (64, 48, 7)


def call(capsys, *arguments):
    code = run(["serve", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, " ".join(captured.err.split())


def test_a_port_in_use(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = call(capsys, "--port", str(port), "--data-dir", str(tmp_path / "data"))
    assert (code, out) == (2, "")
    assert err.startswith(f"error: cannot listen on 127.0.0.1 port {port} (Address already in use)")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "no.such.host.invalid"], "cannot listen on no.such.host.invalid"),
        (["--token", "short"], "the token has 5 characters"),
        (["--model", "tiny"], "--model 'tiny': write NAME=FILE.safetensors"),
        (["--model", "x=gone.safetensors"], "x=gone.safetensors: no weight file"),
        (["--model", "tcnet-bi=gone.safetensors"], "there is a model of this name already"),
        (["--max-upload", "0"], "the limit upload_bytes is 0"),
        (["--keep-days", "-2"], "--keep-days is -2"),
    ],
)
def test_options_that_cannot_be(capsys, tmp_path, arguments, words):
    code, out, err = call(capsys, "--port", "0", "--data-dir", str(tmp_path / "data"), *arguments)
    assert (code, out) == (2, "")
    assert words in err


def test_a_missing_extra_is_named(capsys, monkeypatch):
    """As where `tcnet` was installed without it."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "tcnet.web.server")
    code, out, err = call(capsys)
    assert (code, out, err) == (
        2,
        "",
        "error: uvicorn is not installed: pip install '.[web]' in a checkout of tcnet",
    )


def test_open_to_others_there_is_a_token(open_to_others):
    url, token = open_to_others
    assert len(token) == 32
    assert ask("GET", f"{url}/api/server").status_code == 401
    answer = ask("GET", f"{url}/api/server", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["token_required"] is True
