"""Upscale a video on a server that `tcnet serve` runs, with Python's standard library only.

python web_client.py http://127.0.0.1:8000 VIDEO OUTPUT [--model NAME] [--scale 4|3|2] [--token TOKEN]

An interrupted upload or download is continued; the script can be started again at any time.
"""

import argparse
import base64
import http.client
import json
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHUNK = 8 << 20  # bytes sent in one request
TRIES = 5  # in a row, after broken connections


class Server:
    """The part of the server's interface needed here. A refusal ends the program with its one line."""

    def __init__(self, address: str, token: str | None) -> None:
        self._address = address.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    def open(self, method: str, path: str, data: bytes | None = None, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self._address + path, data, self._headers | named, method=method)
        try:
            return urllib.request.urlopen(request, timeout=60)
        except urllib.error.HTTPError as error:
            sys.exit(f"{method} {path}: {json.loads(error.read())['error']}")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        with self.open(method, path, data, Content_Type="application/json") as answer:
            return json.load(answer)

    def upload(self, video: Path) -> str:
        """By the tus protocol; the id of the upload."""
        size = video.stat().st_size
        name = base64.b64encode(video.name.encode()).decode()
        create = {"Tus_Resumable": "1.0.0", "Upload_Length": str(size), "Upload_Metadata": f"filename {name}"}
        with self.open("POST", "/api/uploads", **create) as answer:
            location = answer.headers["Location"]
        failed = 0
        while (offset := self._offset(location)) < size:
            with video.open("rb") as file:
                file.seek(offset)
                data = file.read(CHUNK)
            try:
                self.open(
                    "PATCH", location, data, Tus_Resumable="1.0.0", Upload_Offset=str(offset),
                    Content_Type="application/offset+octet-stream",
                ).close()  # fmt: skip
                failed = 0
            except OSError as error:  # the connection broke: ask where to continue
                failed += 1
                if failed == TRIES:
                    sys.exit(f"the upload does not get on: {error}")
                time.sleep(2**failed)
        return location.rpartition("/")[2]

    def _offset(self, location: str) -> int:
        with self.open("HEAD", location, Tus_Resumable="1.0.0") as answer:
            return int(answer.headers["Upload-Offset"])

    def follow(self, job_id: str) -> Iterator[dict[str, Any]]:
        """The job whenever it changes, until it is deleted."""
        while True:
            try:
                with self.open("GET", f"/api/jobs/{job_id}/events") as lines:
                    for line in lines:
                        if line.startswith(b"data: "):
                            yield json.loads(line[6:])
            except (OSError, http.client.HTTPException):
                time.sleep(2)  # the stream begins with the job as it is: nothing is missed

    def until(self, job_id: str, *states: str) -> dict[str, Any]:
        for job in self.follow(job_id):
            progress = job.get("progress")
            if job["state"] == "running" and progress:
                print(
                    f"\r{progress['frames_done']}/{progress['frames_total']} frames", end="", file=sys.stderr
                )
            if job["state"] in (*states, "refused", "failed", "cancelled"):
                if job["state"] not in states:
                    sys.exit(f"{job['state']}: {job['error'] or 'by someone else'}")
                return job
        raise AssertionError("a stream of events has no end")


def main() -> None:
    parser = argparse.ArgumentParser(description="Upscale a video on a tcnet server.")
    parser.add_argument("server")
    parser.add_argument("video", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--scale", type=int)
    parser.add_argument("--token")
    given = parser.parse_args()
    server = Server(given.server, given.token)
    choice = {"model": given.model, "scale": given.scale}
    upload = server.upload(given.video)
    job = server.ask("POST", "/api/jobs", {"upload": upload} | {k: v for k, v in choice.items() if v})
    plan = server.until(job["id"], "planned")["plan"]
    print(f"to {plan['width']}x{plan['height']}, about {plan['seconds'] or 0:.0f} s", file=sys.stderr)
    server.ask("POST", f"/api/jobs/{job['id']}/start")
    job = server.until(job["id"], "done")
    with server.open("GET", f"/api/jobs/{job['id']}/result") as answer, given.output.open("wb") as file:
        shutil.copyfileobj(answer, file)
    server.open("DELETE", f"/api/jobs/{job['id']}").close()
    print(f"\n{given.output}: {job['result']['frames']} frames in {job['result']['seconds']:.1f} s")


if __name__ == "__main__":
    main()
