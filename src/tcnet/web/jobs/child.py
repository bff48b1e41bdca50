"""The tcnet command as a child of the server: `python -m tcnet.web.jobs.child upscale ...`

It exits when its standard input ends, thus with the server, however that ends. Finished segments are on disk
by then: it needs no time to clean up.
"""

import os
import runpy
import sys
import threading


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    runpy.run_module("tcnet", run_name="__main__", alter_sys=True)
