"""`tcnet serve` as a process of its own, which can be killed and started again."""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request

READY_SECONDS = 60
JOB_SECONDS = 90


class ServerProcess:
    """With the models "tiny" and "tiny-too", the same weights, beside those of the package. Keeps its port when it is started again."""

    def __init__(self, data_dir, weights, options=()):
        self.data_dir = data_dir
        self._options = ["--model", f"tiny={weights}", "--model", f"tiny-too={weights}", "--min-free", "0"]
        self._options += options
        self._port = 0
        self._process = None

    @property
    def address(self):
        return f"http://127.0.0.1:{self._port}/"

    def start(self):
        command = [sys.executable, "-m", "tcnet", "serve", "--port", str(self._port)]
        command += ["--data-dir", str(self.data_dir), *self._options]
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        line = self._process.stdout.readline()
        assert line.startswith("http://"), f"the server did not start: {line!r}"
        self._port = int(line.split("/")[2].rpartition(":")[2])

    def stop(self):
        self._end(signal.SIGTERM)

    def kill(self):
        """As a power cut does."""
        self._end(signal.SIGKILL)

    def _end(self, number):
        self._process.send_signal(number)
        self._process.wait(READY_SECONDS)
        self._process.stdout.close()

    def request(self, method, path, body=None, headers=None):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} | (headers or {})
        request = urllib.request.Request(f"{self.address}api/{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            content = answer.read()
            return answer.headers, json.loads(content) if content else None

    def job(self, job_id):
        return self.request("GET", f"jobs/{job_id}")[1]

    def run_job(self, path, **choice):
        """Upload, plan, start, wait; the job's id."""
        name = base64.b64encode(path.name.encode()).decode()
        tus = {"Tus-Resumable": "1.0.0"}
        size = {"Upload-Length": str(path.stat().st_size), "Upload-Metadata": f"filename {name}"}
        created, _ = self.request("POST", "uploads", headers=tus | size)
        job_id = created["Location"].rpartition("/")[2]
        bytes_type = {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
        self.request("PATCH", f"uploads/{job_id}", path.read_bytes(), tus | bytes_type)
        self.request("POST", "jobs", {"upload": job_id, "model": "tiny", **choice})
        self.wait_for(job_id, "planned")
        self.request("POST", f"jobs/{job_id}/start")
        self.wait_for(job_id, "done")
        return job_id

    def wait_for(self, job_id, state):
        deadline = time.monotonic() + JOB_SECONDS
        while (job := self.job(job_id))["state"] != state:
            assert job["state"] not in ("failed", "refused"), job["error"]
            assert time.monotonic() < deadline, f"the job is still {job['state']}"
            time.sleep(0.1)
