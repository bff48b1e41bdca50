"""Stands in for `tcnet upscale`: the same arguments, lines and signals, and no work.

fake_upscale.py FRAMES SECONDS ENDING upscale INPUT -o OUTPUT ...
Its result is a copy of the input. Finished frames are noted beside the output, so that it can continue.
"""

import json
import os
import shutil
import signal
import sys
import time


def say(event, **fields):
    head = {"version": 1, "event": event, "time": time.time(), "input": "input"}
    sys.stdout.write(json.dumps(head | fields) + "\n")
    sys.stdout.flush()


def main():
    frames, seconds, ending, command, source, _, output, *_ = sys.argv[1:]
    assert command == "upscale"
    frames, seconds = int(frames), float(seconds)
    journal = os.path.join(os.path.dirname(output), "." + os.path.basename(output) + ".tcnet")
    os.makedirs(journal, exist_ok=True)
    done = len(os.listdir(journal))
    say("plan")
    say("notice", text=f"a note on {source}")
    say("progress", frames_done=done, frames_total=frames, fraction=done / frames, fps=None, eta_seconds=None)
    while done < frames:
        time.sleep(seconds)
        open(os.path.join(journal, str(done)), "w").close()
        done += 1
        say(
            "progress",
            frames_done=done,
            frames_total=frames,
            fraction=done / frames,
            fps=9.5,
            eta_seconds=float(frames - done),
        )
    if ending == "error":
        say("error", message=f"{source}: the sky fell on {output}", exit_code=1)
        sys.exit(1)
    if ending == "crash":
        sys.stderr.write("Segmentation fault\n")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if ending == "garbage":
        sys.stdout.write("this is no JSON\n")
        sys.stdout.flush()
        time.sleep(60)
    shutil.copy(source, output)
    shutil.rmtree(journal)
    say("result", outcome="done", output=output, frames=frames, seconds=1.5, recomputed_frames=0)


def stop(*_):
    say("error", message="interrupted", exit_code=143)
    os._exit(143)


signal.signal(signal.SIGTERM, stop)
main()
