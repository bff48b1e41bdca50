"""A whole training run from its configuration: `tcnet train`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import tomli_w
import torch
from torch import Tensor

from tcnet.data.data_options import STILL_KINDS
from tcnet.data.loader import StepNumbers, load_batches
from tcnet.data.samples import SampleMaker, Sources, open_sources
from tcnet.errors import MediaError, UsageError
from tcnet.inference.precision import choose_device, choose_precision
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.clean_up import CleanUp, CleanUpConfig
from tcnet.training.checkpoint import Checkpoint, Counters, load_checkpoint, replace_file
from tcnet.training.config import TrainingConfig, network_config, split_degradation
from tcnet.training.distillation.targets import DRAW_SEED, Damage, store_targets, targets_folder
from tcnet.training.distillation.teacher import EnsembleTeacher, describe_teacher, load_teacher_networks
from tcnet.training.held_out import HeldOutClip, open_held_out
from tcnet.training.interruption import Interruption
from tcnet.training.loop import Progress, Setting, Trainer
from tcnet.training.losses.objective import Objective
from tcnet.training.optimisation import MovingAverage, Optimiser
from tcnet.training.processes import Processes, join_processes
from tcnet.training.run_log import RunLog
from tcnet.training.start.starting_point import SCRATCH, divide, starting_network

RANGE_SAMPLES = 8
"""Training samples on which the network's ranges are measured; a few tens of thousands of positions each."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended.

    Attributes:
        stopped_by: the signal that interrupted the run, None if it is finished.
        counters: how far it has come.
        weights: the file with the best weights, None if there is none yet.
    """

    stopped_by: signal.Signals | None
    counters: Counters
    weights: Path | None


@dataclass(frozen=True, slots=True)
class Watcher:
    """Progress callbacks.

    Attributes:
        decoding: called with the clips decoded, and of how many.
        teaching: the same for clips whose targets the teachers have computed.
        shrinking: called with a line for each stage of shrinking a network.
        notice: called with a line for the user.
        progress: called as the training proceeds.
    """

    decoding: Callable[[int, int], None] | None = None
    teaching: Callable[[int, int], None] | None = None
    shrinking: Callable[[str], None] | None = None
    notice: Callable[[str], None] | None = None
    progress: Callable[[Progress], None] | None = None


def train(config: TrainingConfig, *, resume: bool = False, watcher: Watcher | None = None) -> Outcome:
    """Train as `config` says, alone or as one of torchrun's processes.

    Args:
        config: what is trained, on which data, and where the run is kept.
        resume: continue from the checkpoint in `config.out`, or begin if there is none yet.
        watcher: told of progress.

    Returns:
        How it ended; an interrupted run is no error.

    Raises:
        UsageError: among others if `config.out` holds a run and `resume` is not given.
        MediaError: for data or weights that cannot be used and files that cannot be written.
        TcnetError: when the training diverges.
    """
    watcher = watcher or Watcher()
    with join_processes(choose_device(config.device)) as (processes, device):
        checkpoint = _prepare_folder(config, resume, processes)
        counters = checkpoint.counters if checkpoint else Counters()
        sources, held_out = _open_data(config, processes, watcher)
        if config.teacher.stored:
            sources = _store_targets(config, sources, processes, device, watcher)
        # Up to here Ctrl-C ends the program at once: decoded clips and targets are kept as they are made.
        with Interruption() as interruption, _log(config, counters, processes) as log:
            samples = SampleMaker(sources, config.data, config.seed)
            setting = _setting(
                config, checkpoint, samples, held_out, processes, device, log, watcher.shrinking
            )
            trainer = Trainer(setting, counters, watcher.progress)
            numbers = StepNumbers(
                counters.step,
                config.optimisation.steps,
                batch=config.optimisation.batch,
                accumulate=config.optimisation.accumulate,
                rank=processes.rank,
                ranks=processes.count,
            )
            batches = load_batches(
                samples,
                numbers,
                workers=config.data.workers,
                pin_memory=device.type == "cuda",
            )
            with closing(batches):
                finished = trainer.run(batches, interruption)
    weights = Path(config.out) / f"{config.name}.safetensors"
    stopped_by = None if finished else interruption.number
    return Outcome(stopped_by, trainer.counters, weights if weights.exists() else None)


def _prepare_folder(config: TrainingConfig, resume: bool, processes: Processes) -> Checkpoint | None:
    out = Path(config.out)
    path = out / "checkpoint.safetensors"
    if path.exists():
        if not resume:
            raise UsageError(f"{out}: holds a run; continue it with --resume, or choose another `out`")
        checkpoint = load_checkpoint(path, network_config(config.network))
        processes.wait()  # before the leader writes anything
        return checkpoint
    if processes.leads:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MediaError(f"{out}: cannot be made ({error.strerror})") from error
    processes.wait()
    return None


def _open_data(
    config: TrainingConfig, processes: Processes, watcher: Watcher
) -> tuple[Sources, tuple[HeldOutClip, ...]]:
    """The leader decodes, the others wait for it and find all clips in the cache."""
    if not processes.leads:
        processes.wait()
    sources = open_sources(config.data, watcher.decoding if processes.leads else None)
    notices = list(sources.notices)
    held_out: tuple[HeldOutClip, ...] = ()
    if config.validation.path:
        clips, problems = open_held_out(config.validation, config.data, for_clean_up=config.trains_clean_up)
        held_out = tuple(clips)
        notices += problems
    if processes.leads:
        processes.wait()
        if watcher.notice is not None:
            for notice in notices:
                watcher.notice(notice)
    return sources, held_out


def _store_targets(
    config: TrainingConfig, sources: Sources, processes: Processes, device: torch.device, watcher: Watcher
) -> Sources:
    options = config.teacher
    own = _taught_degradation(config)
    teachers = {
        degradation: EnsembleTeacher(
            _load_teachers(config, names, sources, device),
            DRAW_SEED,
            transform_first=options.transform_first,
        )
        for degradation, names in _teachers_by_degradation(config).items()
    }
    identity = f"{describe_teacher(options.models)} first transformed: {options.transform_first}"
    damage = None
    if config.damaged_targets:
        damage = Damage(config.data.video, options.versions, options.version_frames)
        identity += f" damaged: {config.data.video!r}, {options.version_frames} frames"
    return store_targets(
        sources,
        targets_folder(Path(config.data.cache), identity, own),
        teachers,
        device=device,
        processes=processes,
        damage=damage,
        progress=watcher.teaching if processes.leads else None,
    )


def _load_teachers(
    config: TrainingConfig, names: list[str], sources: Sources, device: torch.device
) -> list[TCNet]:
    if config.teacher.precision == "same":
        return load_teacher_networks(names, device, _dtype(config, device))
    samples = SampleMaker(sources, config.data, config.seed)
    dtype = choose_precision("int8", device).dtype
    return load_teacher_networks(names, device, dtype, lambda: range_clips(samples, device))


def _taught_degradation(config: TrainingConfig) -> str:
    """What the teacher sees where its entry does not say."""
    if config.data.degradation == "video" and not config.damaged_targets:
        return "BI"
    return config.data.degradation


def _teachers_by_degradation(config: TrainingConfig) -> dict[str, list[str]]:
    """Names of networks by what they see."""
    named: dict[str, list[str]] = {}
    for entry in config.teacher.models:
        name, degradation = split_degradation(entry)
        named.setdefault(degradation or _taught_degradation(config), []).append(name)
    return named


def _live_teacher(config: TrainingConfig) -> list[str]:
    """Names of the networks that teach during training: all, or with stored targets those that can see what
    the student sees, if there are samples without such a target."""
    stills = any(source.kind in STILL_KINDS for source in config.data.sources)
    if config.teacher.stored and (config.teacher.photos == "truth" or not stills):
        return []
    return _teachers_by_degradation(config).get(_taught_degradation(config), [])


@contextmanager
def _log(config: TrainingConfig, counters: Counters, processes: Processes) -> Iterator[RunLog | None]:
    if not processes.leads:
        yield None
        return
    out = Path(config.out)
    replace_file(out / "config.toml", tomli_w.dumps(config.model_dump(by_alias=True)).encode())
    log = RunLog(out, resume_step=counters.step, tensorboard=config.log.tensorboard)
    try:
        yield log
    finally:
        log.close()


def _setting(
    config: TrainingConfig,
    checkpoint: Checkpoint | None,
    samples: SampleMaker,
    held_out: tuple[HeldOutClip, ...],
    processes: Processes,
    device: torch.device,
    log: RunLog | None,
    report: Callable[[str], None] | None,
) -> Setting:
    network = _network(config, checkpoint, samples, processes, device, report)
    average = MovingAverage(network, config.optimisation.ema)
    # Of a shrunk network no part is as it was.
    start = SCRATCH if config.start.shrink else config.start.model
    optimiser = Optimiser(divide(network, start), config.optimisation)
    if checkpoint is not None:
        average.network.load_state_dict(checkpoint.average)
        optimiser.load(checkpoint.optimiser)
    dtype = _dtype(config, device)
    objective = _objective(config, checkpoint, device, dtype)
    if config.compile and isinstance(network, TCNet):
        for part in (network.propagation.trunk, network.refinement.trunk, network.reconstruction):
            part.compile()  # after the average was copied, which runs as it is
    teacher = None
    if names := _live_teacher(config):
        networks = _load_teachers(config, names, samples.sources, device)
        teacher = EnsembleTeacher(networks, config.seed, transform_first=config.teacher.transform_first)
    return Setting(
        config=config,
        network=network,
        average=average,
        optimiser=optimiser,
        objective=objective,
        teacher=teacher,
        held_out=held_out,
        processes=processes,
        device=device,
        dtype=dtype,
        out=Path(config.out),
        data=samples.sources.describe(),
        log=log,
        range_clips=range_clips(samples, device) if processes.leads else (),
    )


def _objective(
    config: TrainingConfig, checkpoint: Checkpoint | None, device: torch.device, dtype: torch.dtype
) -> Objective:
    objective = Objective(config, device, dtype)
    adversary = objective.adversary
    if checkpoint is None:
        return objective
    if (adversary is not None) != bool(checkpoint.adversary):
        has, no = ("no", "without") if adversary is not None else ("a", "with")
        raise UsageError(
            f"the checkpoint has {has} discriminator: continue {no} [adversarial], or start a new run from "
            "its weights (start.from)"
        )
    if adversary is not None:
        adversary.load(checkpoint.adversary)
    return objective


def range_clips(samples: SampleMaker, device: torch.device, count: int = RANGE_SAMPLES) -> tuple[Tensor, ...]:
    """The first LR clips of the run, (1, T, 3, H, W) in [0, 1]."""
    codes = (samples[number]["lr"] for number in range(count))
    return tuple(clip.to(device).float().div_(255).unsqueeze(0) for clip in codes)


def _network(
    config: TrainingConfig,
    checkpoint: Checkpoint | None,
    samples: SampleMaker,
    processes: Processes,
    device: torch.device,
    report: Callable[[str], None] | None,
) -> TCNet | CleanUp:
    if checkpoint is not None:
        network = _new_network(network_config(config.network))
        network.load_state_dict(checkpoint.model)
    elif not config.start.shrink:
        network = starting_network(config)
    else:
        network = _new_network(network_config(config.network))
        if processes.leads:
            count = config.start.shrink_samples
            network = starting_network(config, lambda: torch.cat(range_clips(samples, device, count)), report)
        network.to(device)
        processes.share(list(network.state_dict().values()))
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.train()


def _new_network(shape: TCNetConfig | CleanUpConfig) -> TCNet | CleanUp:
    return TCNet(shape) if isinstance(shape, TCNetConfig) else CleanUp(shape)


def _dtype(config: TrainingConfig, device: torch.device) -> torch.dtype:
    dtype = choose_precision(config.precision, device).dtype
    # Gradients leave the range of fp16; a GPU without bf16 trains in fp32.
    return torch.float32 if dtype == torch.float16 else dtype
