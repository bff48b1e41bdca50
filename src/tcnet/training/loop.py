"""The training loop: batches to gradients to weights, watched, saved and measured."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from tcnet.errors import TcnetError
from tcnet.network import TCNet
from tcnet.network.clean_up import CleanUp
from tcnet.network.quantisation import measure_ranges
from tcnet.perceptual.feature_distance import FeatureDistance
from tcnet.training.card import write_card
from tcnet.training.checkpoint import Checkpoint, Counters, save_checkpoint, save_weights
from tcnet.training.config import TrainingConfig
from tcnet.training.distillation.teacher import EnsembleTeacher
from tcnet.training.held_out import HeldOutClip, Validation, validate
from tcnet.training.interruption import Interruption
from tcnet.training.losses.objective import Objective
from tcnet.training.optimisation import MovingAverage, Optimiser
from tcnet.training.processes import Processes
from tcnet.training.run_log import RunLog

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is. lr_pixels_per_second: over all processes, in steps alone; psnr: last validated."""

    step: int
    steps: int
    loss: float
    lr_pixels_per_second: float
    eta_seconds: float
    psnr: float | None
    skipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a trainer works with. out: the run's folder; data: what is trained on, for the card."""

    config: TrainingConfig
    network: TCNet | CleanUp
    average: MovingAverage
    optimiser: Optimiser
    objective: Objective
    teacher: EnsembleTeacher | None
    held_out: tuple[HeldOutClip, ...]
    processes: Processes
    device: torch.device
    dtype: torch.dtype
    out: Path
    data: str
    log: RunLog | None
    range_clips: tuple[Tensor, ...]
    """LR clips (1, T, 3, H, W) in [0, 1] of training samples, on which the network's ranges are measured."""


class Trainer:
    """Runs the steps that are left. `counters` are those of the checkpoint that is continued, if any."""

    def __init__(
        self, setting: Setting, counters: Counters, on_progress: Callable[[Progress], None] | None = None
    ) -> None:
        self._setting = setting
        self._options = setting.config.optimisation
        self._truth = "clean" if setting.config.trains_clean_up else "hr"
        self.counters = counters
        self._on_progress = on_progress
        self._window = _Window()
        self._psnr: float | None = None
        self._features = setting.objective.features
        if setting.config.validation.choose == "features" and self._features is None:
            self._features = FeatureDistance().to(setting.device)
        self._saved_at = time.monotonic()
        self._begun_at = time.monotonic()
        self._begun_step = counters.step
        self._last_loss = float("nan")

    def run(self, batches: Iterator[Batch], interruption: Interruption) -> bool:
        """Train until the last step or an interruption; True if it was the last step.

        Leaves a checkpoint and, once there is a best or the end is reached, the weights with their card.
        """
        options = self._options
        if self.counters.step == 0:
            self._validate()
        while self.counters.step < options.steps:
            stop = self._step(batches, interruption)
            done = self.counters.step == options.steps
            if self.counters.step % self._setting.config.log.every == 0 or done:
                self._write_log()
            if self.counters.step % self._setting.config.validation.every == 0 or done:
                self._validate()
            if stop or done or self._checkpoint_due():
                self._save()
            self._report()
            if stop and not done:
                return False
        if not self._setting.held_out:
            self._keep_weights({})
        return True

    def _step(self, batches: Iterator[Batch], interruption: Interruption) -> bool:
        """One step of the optimiser; returns whether any process wants to stop."""
        setting, number = self._setting, self.counters.step
        adversary = setting.objective.adversary
        begin = time.monotonic()
        taken = self._take(batches)
        self._window.waited += time.monotonic() - begin
        setting.optimiser.begin(number)
        if adversary is not None:
            adversary.begin()
        loss, terms = self._gradients(taken, number)
        trained, judging = setting.optimiser.trained(), adversary.parameters() if adversary else []
        request = torch.tensor(float(interruption.requested), device=setting.device)
        figures = setting.processes.average_gradients(
            [*trained, *judging], torch.stack((loss, request, *terms.values()))
        )
        norm = torch.nn.utils.clip_grad_norm_(trained, self._options.clip_norm)
        norm_of_judging = torch.nn.utils.clip_grad_norm_(judging, self._options.clip_norm)
        mean_loss, length = float(figures[0]) / setting.processes.count, float(norm)
        if torch.isfinite(torch.stack((norm.cpu(), norm_of_judging.cpu(), figures[0].cpu()))).all():
            setting.optimiser.step(number)
            if adversary is not None:
                adversary.step()
            setting.average.update(setting.network, number)
            self.counters = replace(self.counters, skipped_in_a_row=0)
            means = (figures[2:] / setting.processes.count).tolist()
            self._window.add(mean_loss, length, dict(zip(terms, means, strict=True)))
            self._last_loss = mean_loss
        else:
            self._skip(number, mean_loss)
        self._window.seconds += time.monotonic() - begin
        seconds = self.counters.seconds + time.monotonic() - begin
        self.counters = replace(self.counters, step=number + 1, seconds=seconds)
        return float(figures[1]) > 0

    def _take(self, batches: Iterator[Batch]) -> list[Batch]:
        """The batches of a step, before anything is changed for it: if one cannot be made, the steps before
        it are saved."""
        try:
            return [next(batches) for _ in range(self._options.accumulate)]
        except TcnetError as error:
            self._save()
            raise type(error)(
                f"{error} (step {self.counters.step} is saved: mend that, then continue with --resume)"
            ) from error

    def _gradients(self, batches: Sequence[Batch], number: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Gradients of one step's batches, of the network and the discriminator; the loss and its terms."""
        setting, share = self._setting, 1 / self._options.accumulate
        loss = torch.zeros((), device=setting.device)
        sums: dict[str, Tensor] = {}
        for batch in batches:
            sr, hr = self._restore(batch["lr"]), self._to_device(batch[self._truth])
            terms = self._terms(batch, sr, hr, number)
            part = setting.objective.total(terms, number) / self._options.accumulate
            part.backward()  # type: ignore[no-untyped-call]
            loss += part.detach()
            if (adversary := setting.objective.adversary) is not None:
                judged_sr, judged_hr = (setting.objective.judged(clip, number) for clip in (sr, hr))
                with setting.objective.autocast():
                    terms["discriminator"] = adversary.own_loss(judged_sr, judged_hr)
                (share * terms["discriminator"]).backward()  # type: ignore[no-untyped-call]
            for name, term in terms.items():
                sums[name] = sums.get(name, 0) + share * term.detach()
            self._window.pixels += batch["lr"].numel() // 3 * setting.processes.count
        return loss, sums

    def _restore(self, lr: Tensor) -> Tensor:
        with self._setting.objective.autocast():
            restored: Tensor = self._setting.network(self._to_device(lr))
        return restored

    def _terms(self, batch: Batch, sr: Tensor, hr: Tensor, step: int) -> dict[str, Tensor]:
        objective = self._setting.objective
        reversed_sr = None
        if objective.compares_reversed:
            with torch.no_grad():
                reversed_sr = self._restore(batch["lr"].flip(1)).flip(1)
        return objective.terms(sr, hr, self._teaching(batch, step), step, reversed_sr)

    def _teaching(self, batch: Batch, step: int) -> Tensor | None:
        """The teacher's clips: stored ones, and live ones for samples without; None without a teacher."""
        teacher = self._setting.teacher
        if teacher is None and "target" not in batch:
            return None
        clean = self._setting.config.teacher.input == "clean" and "clean" in batch
        seen = self._to_device(batch["clean" if clean else "lr"])
        if "target" not in batch:
            return None if teacher is None else teacher(seen, step)
        teaching = self._to_device(batch["target"])
        untaught = ~batch["has_target"]
        if teacher is not None and untaught.any():
            teaching[untaught] = teacher(seen[untaught], step)
        return teaching

    def _to_device(self, codes: Tensor) -> Tensor:
        """uint8 codes -> float32 in [0, 1] on the device."""
        return codes.to(self._setting.device, non_blocking=True).float().div_(255)

    def _skip(self, number: int, loss: float) -> None:
        """A step that would spoil the weights is left out; all processes see the same sums and agree."""
        counters = self.counters
        in_a_row = counters.skipped_in_a_row + 1
        self.counters = replace(counters, skipped=counters.skipped + 1, skipped_in_a_row=in_a_row)
        if self._setting.log is not None:
            self._setting.log.write({"kind": "skipped", "step": number + 1, "loss": str(loss)})
        if in_a_row >= self._options.bad_steps:
            raise TcnetError(
                f"{in_a_row} steps in a row gave NaN or infinity (last: step {number + 1}, loss {loss}); "
                f'lower optimisation.rate_new ({self._options.rate_new:g}), or set precision = "fp32", and '
                "continue from the last checkpoint with --resume"
            )

    def _validate(self) -> None:
        setting = self._setting
        if not setting.held_out:
            return
        found = validate(
            self._averaged(),
            setting.held_out,
            setting.device,
            setting.dtype,
            setting.processes,
            self._features,
        )
        self._psnr = found.mean_psnr
        if setting.log is not None:
            entry = {"kind": "validation", "step": self.counters.step, "psnr_y": found.mean_psnr}
            if found.distance:
                entry |= {"feature_distance": found.mean_distance, "feature_distances": found.distance}
            setting.log.write(entry | {"clips": found.psnr_y})
        score = self._score(found)
        if self.counters.best is None or self._better(found, self.counters.best):
            self.counters = replace(self.counters, best=score, best_step=self.counters.step)
            self._keep_weights(found.psnr_y)

    def _score(self, found: Validation) -> float:
        chosen = self._setting.config.validation.choose
        return found.mean_distance if chosen == "features" else found.mean_psnr

    def _better(self, found: Validation, best: float) -> bool:
        options = self._setting.config.validation
        if options.choose == "features":
            return found.mean_psnr >= options.least_psnr and found.mean_distance < best
        return options.choose == "last" or found.mean_psnr > best

    def _averaged(self) -> TCNet | CleanUp:
        """The average of the weights, in the precision of training."""
        network = self._setting.average.network
        if self._setting.dtype == torch.float32:
            return network
        return copy.deepcopy(network).to(dtype=self._setting.dtype)

    def _keep_weights(self, figures: dict[str, float]) -> None:
        setting = self._setting
        if setting.processes.leads:
            average, network = setting.average.network, self._averaged()
            if isinstance(average, TCNet) and isinstance(network, TCNet):
                average.ranges = measure_ranges(network, setting.range_clips)
            save_weights(setting.out / f"{setting.config.name}.safetensors", average)
            write_card(
                setting.out / f"{setting.config.name}.toml",
                setting.config,
                self.counters,
                setting.data,
                figures,
            )

    def _checkpoint_due(self) -> bool:
        return time.monotonic() - self._saved_at >= 60 * self._setting.config.log.checkpoint_minutes

    def _save(self) -> None:
        setting = self._setting
        adversary = setting.objective.adversary
        if setting.processes.leads:
            checkpoint = Checkpoint(
                config=setting.network.config,
                counters=self.counters,
                model=setting.network.state_dict(),
                average=setting.average.network.state_dict(),
                optimiser=setting.optimiser.tensors(),
                adversary=adversary.tensors() if adversary else {},
            )
            save_checkpoint(setting.out / "checkpoint.safetensors", checkpoint)
        self._saved_at = time.monotonic()

    def _write_log(self) -> None:
        window, self._window = self._window, _Window()
        if self._setting.log is None:
            return
        self._setting.log.write(
            {
                "kind": "step",
                "step": self.counters.step,
                **window.figures(),
                "rates": self._setting.optimiser.rates(self.counters.step - 1),
                "skipped": self.counters.skipped,
                "hours": round(self.counters.seconds / 3600, 4),
            }
        )

    def _report(self) -> None:
        if self._on_progress is None or not self._setting.processes.leads:
            return
        step, steps = self.counters.step, self._options.steps
        elapsed = time.monotonic() - self._begun_at
        self._window.note_speed()
        self._on_progress(
            Progress(
                step=step,
                steps=steps,
                loss=self._last_loss,
                lr_pixels_per_second=self._window.speed,
                eta_seconds=elapsed / (step - self._begun_step) * (steps - step),
                psnr=self._psnr,
                skipped=self.counters.skipped,
            )
        )


class _Window:
    """Figures since the last line of the log."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waited = 0.0
        self.pixels = 0
        self.speed = 0.0
        self._losses: list[float] = []
        self._norms: list[float] = []
        self._terms: dict[str, list[float]] = {}

    def add(self, loss: float, norm: float, terms: Mapping[str, float]) -> None:
        self._losses.append(loss)
        self._norms.append(norm)
        for name, value in terms.items():
            self._terms.setdefault(name, []).append(value)

    def note_speed(self) -> None:
        if self.seconds > 0:
            self.speed = self.pixels / self.seconds

    def figures(self) -> dict[str, float | dict[str, float] | None]:
        """Means; None where every step was skipped. terms: of the loss, not weighted. waiting: share of the
        time spent without a batch."""
        self.note_speed()
        count = len(self._losses)
        return {
            "loss": sum(self._losses) / count if count else None,
            "terms": {name: sum(values) / count for name, values in self._terms.items()},
            "norm": sum(self._norms) / count if count else None,
            "lr_pixels_per_second": round(self.speed, 1),
            "waiting": round(self.waited / self.seconds, 4) if self.seconds else 0.0,
        }
