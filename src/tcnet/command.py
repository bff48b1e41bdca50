"""Where the tcnet command begins, before torch is loaded."""

import os


def main() -> None:
    """Run the command line and exit.

    Threads of torch's CPU kernels wait for each other hundreds of times a frame. libgomp lets them spin
    meanwhile, and beside any other busy process two of them then run up to thirty times slower than one
    (docs/log.md). They should sleep early instead. libgomp reads this once, when torch is loaded.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    from tcnet.cli import main as run

    run()
