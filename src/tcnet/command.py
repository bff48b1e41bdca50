"""Where the tcnet command begins, before torch is loaded."""

from tcnet.system.process import on_computing


def main() -> None:
    """Run the command line and exit."""
    on_computing()  # before torch's threads begin; how they wait was set by the import of tcnet
    from tcnet.cli import main as run

    run()
