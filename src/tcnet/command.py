"""Where the tcnet command begins, before torch is loaded."""

from tcnet.process import keep_freed_memory, keep_threads_asleep


def main() -> None:
    """Run the command line and exit."""
    keep_threads_asleep()
    keep_freed_memory()
    from tcnet.cli import main as run

    run()
