"""What `tcnet upscale` says of a plan, and of what else could be done."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from tcnet.cli.console import err, format_bytes, one_line, print_notices, say
from tcnet.durations import describe_duration, describe_estimate
from tcnet.inference import Plan
from tcnet.upscale.advice import Advice
from tcnet.video import names_video

_OF_ONE_RUN = frozenset(
    [
        *("inputs", "output", "output_template", "recursive", "start", "end", "dry_run", "yes", "overwrite"),
        *("resume", "cluster", "cluster_workers", "preview", "progress"),
    ]
)
"""Options that a trial of a few seconds does not take over."""


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan with what goes with it. trial_command: for a trial with the same options, to be copied; None
    without a trial."""

    plan: Plan
    input: str
    output: Path
    advice: Advice
    trial_command: str | None


def given_options(context: typer.Context) -> tuple[str, ...]:
    """The options of a call that say how to upscale, as they were given."""
    words: list[str] = []
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is None or source.name != "COMMANDLINE" or parameter.name in _OF_ONE_RUN:
            continue
        value = context.params[parameter.name or ""]
        name = parameter.opts[0]
        if value is False:
            words.append(parameter.secondary_opts[0])
        elif value is True:
            words.append(name)
        else:
            for each in value if isinstance(value, list | tuple) else [value]:
                words += (name, f"{each:.12g}" if isinstance(each, float) else str(each))
    return tuple(words)


def trial_command(input: Path, output: Path, advice: Advice, options: Sequence[str]) -> str | None:
    """`tcnet upscale` for the few seconds that are advised."""
    if advice.trial is None or "%" in output.name:
        return None
    times = ["--start", str(advice.trial.start), "--end", str(advice.trial.end)]
    stem, ending = (output.stem, output.suffix) if names_video(output) else (output.name, "")
    trial = output.with_name(f"{stem}.trial{ending}")
    return shlex.join(["tcnet", "upscale", str(input), *options, *times, "-o", str(trial)])


def show_plan(shown: ShownPlan) -> None:
    """On stderr."""
    say(f"plan: {describe_video(shown)}", console=err)
    for line in (describe_plan(shown.plan), *describe_advice(shown.advice)):
        say(line, indent=2, console=err)
    if shown.advice.notice is not None:
        print_notices([shown.advice.notice])
    trial = shown.advice.trial
    if trial is not None and shown.trial_command is not None:
        length = trial.end - trial.start
        took = describe_estimate(trial.seconds)
        say(f"try {length} second{'s' * (length > 1)} first, {took}:", indent=2, console=err)
        # Not broken into lines, so that it can be copied.
        err.print(f"    {one_line(shown.trial_command)}", markup=False)


def describe_video(shown: ShownPlan) -> str:
    """What comes in and what goes out."""
    plan, source = shown.plan, shown.plan.source
    about = [source.codec]
    if source.frame_rate is not None:
        about.append(f"{float(source.frame_rate):.5g} fps")
    if source.duration is not None:
        about.append(describe_duration(float(source.duration)))
    count = "" if source.frame_count is None else f"{source.frame_count} frames of "
    codec = "PNG" if plan.codec is None else plan.codec
    return (
        f"{shown.input}, {count}{source.width}x{source.height} ({', '.join(about)}), to "
        f"{shown.output}, {plan.output_width}x{plan.output_height} ({codec})"
    )


def describe_plan(plan: Plan) -> str:
    window = "streaming" if plan.window is None else f"window {plan.window} (overlap {plan.overlap})"
    tile = "whole frames" if plan.tile is None else f"{plan.tiles} tiles of {plan.tile}"
    where = plan.device
    if plan.options.engine != "torch":
        where = f"{plan.options.place} {plan.options.engine}"
    detail = "" if plan.options.detail is None else f" of detail {plan.options.detail:g}"
    denoise = f", denoise {plan.options.denoise:g}" if plan.options.denoise else ""
    lines = plan.options.shrink_first
    shrunk = "" if lines is None else f"shrunk to {lines} lines first, "
    line = (
        f"{plan.model}{detail}{denoise}, {where} {plan.precision}, {shrunk}{window}, {tile}, "
        f"about {format_bytes(plan.memory)} of memory"
    )
    if plan.seconds is not None:
        return f"{line}, {describe_estimate(plan.seconds)}"
    if plan.seconds_per_frame is not None:
        return f"{line}, {plan.seconds_per_frame:.2g} s a frame"
    return line


def describe_advice(advice: Advice) -> list[str]:
    """Lines on other models and smaller outputs."""
    lines = [
        f"--model {each.model} would take {describe_estimate(each.seconds)}" for each in advice.alternatives
    ]
    if advice.alternatives:
        lines[-1] += " (tcnet models says how good each is)"
    if advice.same_time_if_smaller:
        lines.append(
            "--scale 2 or --height would make the file smaller, not the run shorter: x4 is computed anyway"
        )
    return lines
