"""The inputs of `tcnet upscale`: one after the other, or on a cluster some at a time."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tcnet.cli.console import err, print_table
from tcnet.cli.stopped import Stopped
from tcnet.cli.upscale.consent import Consent
from tcnet.cli.upscale.display import Display
from tcnet.cli.upscale.inputs import Task, plan_tasks
from tcnet.cli.upscale.plan_text import ShownPlan, trial_command
from tcnet.cli.upscale.standard_input import spooled
from tcnet.cluster import RayCluster, open_cluster
from tcnet.durations import describe_duration, describe_estimate
from tcnet.errors import MediaError, TcnetError, UsageError, describe_failure
from tcnet.inference import Plan, UpscaleOptions
from tcnet.inference.backends import check_model, load_network
from tcnet.inference.contract import VideoNetwork
from tcnet.inference.upscale_options import size_name
from tcnet.upscale import Progress, plan_video, upscale_video
from tcnet.upscale.advice import Advice, advise
from tcnet.upscale.output.run_output import checkpoint_of, frames_kept
from tcnet.video import EncodeOptions, Frame, ReadOptions, check_output
from tcnet.video.atomic_file import check_folder, nearest_folder

STANDARD_INPUT = "-"
AT_ONCE = 4
"""Inputs that share a cluster: enough to keep it busy while one of them begins or ends."""
WORTH_TELLING = 60.0
"""Seconds of work: less is no loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What is the same for all inputs. given: the options as they were typed, for advised commands."""

    model: str
    options: UpscaleOptions
    encode: EncodeOptions
    read: ReadOptions
    overwrite: bool
    resume: bool
    dry_run: bool
    debug: bool
    consent: Consent
    given: tuple[str, ...] = ()
    on_frame: Callable[[Frame], None] | None = None
    cluster_address: str | None = None
    cluster_workers: int | None = None
    cluster: RayCluster | None = None


def run_batch(
    inputs: Sequence[str],
    settings: Settings,
    display: Display,
    *,
    output: Path | None,
    template: str | None,
    recursive: bool,
) -> int:
    """Upscale (or plan) all that `inputs` mean; returns the exit code. See `plan_tasks` for the rest.

    Raises UsageError and MediaError for what is wrong before the first run, and for a single input.
    """
    if STANDARD_INPUT in inputs:
        with _with_cluster(settings, display) as settings:
            _run_standard_input(inputs, settings, display, output)
        return 0
    tasks = plan_tasks(
        inputs, output=output, template=template, recursive=recursive, size=size_name(settings.options)
    )
    for notice in tasks.notices:
        display.notice(notice)
    with _with_cluster(settings, display) as settings:
        if not tasks.several:
            _run_one(tasks.tasks[0], settings, display, settings.model, in_made_folder=template is not None)
            return 0
        return _run_several(tasks.tasks, settings, display, in_made_folder=template is not None)


@contextmanager
def _with_cluster(settings: Settings, display: Display) -> Iterator[Settings]:
    """The settings with the cluster that they name, for as long as this lasts."""
    if settings.cluster_address is None:
        if settings.cluster_workers is not None:
            raise UsageError(
                f"--cluster-workers {settings.cluster_workers} is for --cluster: add --cluster ADDRESS, or "
                "leave it out"
            )
        yield settings
        return
    options = settings.options
    check_model(
        settings.model, options.engine, options.detail, options.denoise
    )  # before machines are started
    with open_cluster(
        settings.cluster_address, device=settings.options.device, workers=settings.cluster_workers
    ) as cluster:
        if cluster.dashboard is not None:
            display.notice(f"Ray shows machines and workers at {cluster.dashboard}")
        yield replace(settings, cluster=cluster)


def _run_several(tasks: Sequence[Task], settings: Settings, display: Display, *, in_made_folder: bool) -> int:
    options = settings.options
    _, network = load_network(  # for all
        settings.model, options.engine, options.detail, options.denoise, place=options.place
    )
    runs = [
        _Numbered(task, f"[{number}/{len(tasks)}] {task.input} → {task.output}")
        for number, task in enumerate(tasks, 1)
    ]

    def run(numbered: _Numbered, display: Display) -> _Ended:
        return _run_and_tell(numbered, settings, display, network, in_made_folder=in_made_folder)

    if settings.cluster is None or settings.dry_run:
        ended = [run(numbered, display) for numbered in runs]
    else:
        ended = _some_at_a_time(runs, run, display, settings.cluster)
    if not settings.dry_run:
        rows = [each.row for each in ended]
        print_table(("file", "frames", "time", "fps", "outcome"), rows, fold=True, console=err)
    return max(each.exit_code for each in ended)


@dataclass(frozen=True, slots=True)
class _Numbered:
    task: Task
    heading: str


@dataclass(frozen=True, slots=True)
class _Ended:
    """What became of one of several inputs. row: of the table at the end."""

    row: tuple[str, ...]
    exit_code: int


def _some_at_a_time(
    runs: Sequence[_Numbered],
    run: Callable[[_Numbered, Display], _Ended],
    display: Display,
    cluster: RayCluster,
) -> list[_Ended]:
    """AT_ONCE of the runs in threads of their own; all stop when this one is interrupted."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        try:
            futures = [threads.submit(lambda each: run(each, display.beside()), each) for each in runs]
            return [future.result() for future in futures]
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            cluster.close()  # what makes the threads end
            raise


def _run_and_tell(
    numbered: _Numbered, settings: Settings, display: Display, network: VideoNetwork, *, in_made_folder: bool
) -> _Ended:
    task = numbered.task
    begin = time.perf_counter()
    frames = exit_code = 0
    try:
        outcome, frames = _run_or_keep(
            task, settings, display, network, numbered.heading, in_made_folder=in_made_folder
        )
    except TcnetError as error:
        if settings.cluster is not None and settings.cluster.closed:
            raise  # it was stopped, and that is said elsewhere
        exit_code = error.exit_code
        _tell_failure(task, str(error), exit_code, settings, display)
        outcome = "failed"
    except Exception as error:  # noqa: BLE001 - whatever it is, the other inputs have their turn
        exit_code = 1
        _tell_failure(task, describe_failure(error), exit_code, settings, display)
        outcome = "failed"
    display.end()
    seconds = time.perf_counter() - begin
    done = outcome == "done"
    row = (
        str(task.input),
        str(frames) if done else "",
        describe_duration(seconds) if done else "",
        f"{frames / seconds:.2f}" if done else "",
        outcome,
    )
    return _Ended(row, exit_code)


def _tell_failure(task: Task, text: str, exit_code: int, settings: Settings, display: Display) -> None:
    if settings.debug:
        traceback.print_exc()
    # Not every message names the file, which matters where there are several.
    display.error(text if str(task.input) in text else f"{task.input}: {text}", exit_code)


def _run_or_keep(
    task: Task,
    settings: Settings,
    display: Display,
    network: VideoNetwork,
    heading: str,
    *,
    in_made_folder: bool,
) -> tuple[str, int]:
    """(outcome, frames)."""
    if not settings.overwrite and _is_finished(task.output):
        display.begin(str(task.input), heading)
        display.kept(task.output)
        return "kept", 0
    frames = _run_one(task, settings, display, network, heading, in_made_folder=in_made_folder)
    return ("planned" if settings.dry_run else "done"), frames


def _run_one(
    task: Task,
    settings: Settings,
    display: Display,
    model: str | VideoNetwork,
    heading: str | None = None,
    *,
    name: str | None = None,
    in_made_folder: bool = False,
) -> int:
    """Returns the number of frames; 0 for a plan. name: of the input, where it is not its path."""
    display.begin(name or str(task.input), heading)

    def show(plan: Plan) -> None:
        plan = replace(plan, model=settings.model)
        advice = Advice() if settings.cluster is not None else advise(plan, settings.options.precision)
        command = trial_command(task.input, task.output, advice, settings.given)
        display.plan(ShownPlan(plan, name or str(task.input), task.output, advice, command))
        if not settings.dry_run:
            settings.consent.ask(plan)

    if settings.dry_run:
        output = _reachable(task.output) if in_made_folder else task.output
        show(
            plan_video(
                task.input, output, model=model, options=settings.options, encode=settings.encode,
                read=settings.read, overwrite=settings.overwrite, resume=settings.resume,
                cluster=settings.cluster,
            )
        )  # fmt: skip
        return 0
    newest = Progress(0, None, None, None)

    def follow(progress: Progress) -> None:
        nonlocal newest
        newest = progress
        display.progress(progress)

    try:
        with ExitStack() as stack:
            if in_made_folder:
                stack.enter_context(_made(task.output.parent))
            result = upscale_video(
                task.input, task.output, model=model, options=settings.options, encode=settings.encode,
                read=settings.read, overwrite=settings.overwrite, resume=settings.resume,
                cluster=settings.cluster, on_plan=show, on_frame=settings.on_frame,
                progress=follow,
            )  # fmt: skip
    except Stopped as stopped:
        if name is None:  # standard input is used up
            stopped.kept = describe_kept(frames_kept(task.output), newest, resume=settings.resume)
        raise
    display.result(result)
    return result.frames


def describe_kept(frames: int, newest: Progress, *, resume: bool) -> str:
    """What an interruption leaves and costs. frames: in finished segments. newest: how far the run was."""
    lost = ""
    if newest.fps:
        seconds = (max(newest.frames_done, newest.computed or 0.0) - frames) / newest.fps
        if seconds >= WORTH_TELLING:
            lost = f"; {describe_estimate(seconds)} of work on the segment that was not finished is lost"
    if not frames:
        return f"nothing is finished yet: the next run starts over{lost}"
    again = "the same command continues" if resume else "the same command without --no-resume continues"
    return f"{frames} frames are kept: {again}{lost}"


def _run_standard_input(
    inputs: Sequence[str], settings: Settings, display: Display, output: Path | None
) -> None:
    if len(inputs) > 1:
        raise UsageError(
            f"- (standard input) has to be the only input, got {len(inputs)}: give the others a "
            "command of their own"
        )
    if output is None:
        raise UsageError("- (standard input) has no name to derive one from; name the output with -o")
    if settings.dry_run:
        raise UsageError("--dry-run of - (standard input) would use it up; save it to a file first")
    check_output(output, overwrite=settings.overwrite)
    if settings.resume and (frames := frames_kept(output)):
        raise UsageError(
            f"{output}: {frames} frames of an unfinished run are kept, which - (standard input) cannot "
            "continue: finish it by its own command, start over with --no-resume, or choose another (-o)"
        )
    # Cleared afterwards: there is nothing to continue, since the input cannot be read again.
    with spooled(sys.stdin.buffer, output) as path:
        settings = replace(settings, resume=False)
        try:
            _run_one(Task(path, output), settings, display, settings.model, name=STANDARD_INPUT)
        except TcnetError as error:
            text = str(error).replace(str(path), "standard input")
            raise type(error)(text) from error
        finally:
            checkpoint_of(output).discard()


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Makes `folder`; what was made goes again on an error, as far as it is empty."""
    missing = []
    parent = folder
    while not parent.exists():
        missing.append(parent)
        parent = parent.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaError(f"{folder}: cannot be made ({error.strerror}); change --output-template") from error
    try:
        yield
    except BaseException:
        for made in missing:
            with suppress(OSError):  # an unfinished run lies in it
                made.rmdir()
        raise


def _reachable(output: Path) -> Path:
    """`output`, or as long as its folder is not made, its name in the nearest one that is."""
    if output.parent.is_dir():
        return output
    folder = nearest_folder(output.parent)
    check_folder(folder)
    return folder / output.name


def _is_finished(output: Path) -> bool:
    """Whether an output is there, and no unfinished run that would still put things in place."""
    there = any(output.iterdir()) if output.is_dir() else output.exists()
    return there and not checkpoint_of(output).path.exists()
