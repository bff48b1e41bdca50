"""tcnet doctor."""

from typing import Annotated

import typer

from tcnet.cli.console import err, out, print_pairs, print_table
from tcnet.durations import describe_estimate
from tcnet.profiling.doctor import examine
from tcnet.profiling.threads import describe_kept, keep, measure, measure_speeds
from tcnet.speeds import MINUTE_OF_480P


def doctor(
    tune: Annotated[
        bool,
        typer.Option(
            "--tune",
            help="Measure how many threads compute fastest, for later runs of tcnet upscale, and how fast "
            "each model is with them.",
        ),
    ] = False,
) -> None:
    """Show what is installed and what this machine offers: devices, precisions, codecs, speed."""
    if tune:
        with err.status("measuring threads"):
            tuning = measure()
        print_table(
            ["threads", "ms a frame"],
            [[count, f"{1000 * seconds:.0f}"] for count, seconds in tuning.seconds.items()],
        )
        out.print(f"{tuning.threads} threads from now on, written to {keep(tuning)}", markup=False)
        with err.status("measuring models"):
            speeds = measure_speeds(tuning.threads)
        print_table(
            ["model", "a minute of 480p"],
            [
                [each.model, describe_estimate(each.seconds_per_pixel * MINUTE_OF_480P)]
                for each in sorted(speeds, key=lambda each: each.seconds_per_pixel)
            ],
        )
        return
    with err.status("looking"):
        rows = examine()
    print_pairs([*rows, ("tuned", describe_kept())])
