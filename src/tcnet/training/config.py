"""What a training run can be asked for: its TOML file, read and checked."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from tcnet.data.condition import check_condition
from tcnet.data.data_options import Count, DataOptions, Share, Table
from tcnet.errors import UsageError
from tcnet.network import CONFIGS, TCNetConfig
from tcnet.network.clean_up import CleanUpConfig

Rate = Annotated[float, Field(ge=0, lt=1)]
CLEAN_UP = "clean-up"  # the preset that is no TCNet


class StartOptions(Table):
    """`[start]`: initial weights."""

    model: Annotated[str, Field(alias="from")] = "scratch"
    """"scratch"; a model of the package ("tcnet-bi") or a .safetensors file; or published BasicVSR weights
    ("basicvsr-reds", "basicvsr-bi", "basicvsr-bd"), which the network then equals at first."""
    flow: str = ""
    """From scratch and with `shrink`: the model, named as in `from`, whose SPyNet or its finest level is
    taken, for tiny motion one with tiny motion; empty: none, or that of `from`."""
    shrink: bool = False
    """`from` is a larger network than [network] describes: fewer blocks, narrower ones, a narrower
    reconstruction and such. What is cut is fitted to what the larger one computes of training samples."""
    shrink_steps: Annotated[int, Field(ge=0)] = 160
    """Steps for which each of the smaller network's blocks is trained alone then."""
    shrink_samples: Count = 12
    """Training samples on which that is done; more need more memory, about 60 MB each."""

    @model_validator(mode="after")
    def _shrunk_from_a_model(self) -> Self:
        if self.shrink and self.model == "scratch":
            raise ValueError('shrink needs a trained network to start from; set from, such as "tcnet-bi"')
        return self


class OptimisationOptions(Table):
    """`[optimisation]`: Adam or Muon with a cosine schedule over parameter groups."""

    steps: Count
    method: Literal["adam", "muon"] = "adam"
    """"muon": convolution kernels with at least 16 inputs and outputs by Muon, the rest by Adam. From scratch
    it learns much faster (docs/experiments/2026-11-23-muon.md)."""
    batch: Count = 2
    """Samples that one process computes at once."""
    accumulate: Count = 1
    """Batches whose gradients are added before a step. A step sees processes * accumulate * batch samples."""
    rate_new: Rate = 2e-4
    """Learning rate of the parts that imported weights lack; from scratch, of everything but motion."""
    rate_imported: Rate = 2e-5
    """Learning rate of imported parts; 0 keeps them as they are."""
    flow_fraction: Share = 0.125
    """The motion network's learning rate, as a fraction of that of imported parts (from scratch: of new)."""
    flow_frozen_steps: Annotated[int, Field(ge=0)] = 0
    """The motion network is not trained in the first steps."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """The rates rise from zero over these."""
    rate_end: Rate = 1e-7
    """The cosine ends here."""
    betas: list[Annotated[float, Field(ge=0, lt=1)]] = Field(default=[0.9, 0.99], min_length=2, max_length=2)
    clip_norm: Annotated[float, Field(gt=0)] = 0.5
    """Gradients with a larger norm are scaled down to it."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.999
    """Decay of the exponential moving average of the weights, which is what is kept."""
    bad_steps: Count = 10
    """A step whose loss or gradient is not finite is skipped; after this many in a row the run stops."""


class LossOptions(Table):
    """`[loss]`: what is minimised beside Charbonnier, which always counts 1."""

    epsilon: Annotated[float, Field(gt=0)] = 1e-4
    """Charbonnier's, in pictures of [0, 1]: smaller differences count by their square, not their size. Where
    noise is learnt, which nobody can predict, a larger one learns sooner."""
    structure: Annotated[float, Field(ge=0)] = 0.0
    """Weight of 1 - SSIM on luma, always against the ground truth: networks taught by means of several others
    come out with too little contrast in fine texture. Untried in long runs."""
    features: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the feature distance to the ground truth (`tcnet.perceptual`): texture that looks right."""
    texture: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the distance of those features' local deviations: as much texture of each kind as the truth
    has, wherever its parts lie."""
    temporal: Annotated[float, Field(ge=0)] = 0.0
    """Weight of what the clip changes from frame to frame beyond the ground truth, along its motion."""
    static: Annotated[float, Field(ge=0)] = 0.0
    """Weight of what static pixels have of it, on top: there flicker is seen first, and nothing hides it."""
    reversal: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the difference from what the network makes of the clip running backward; a third more
    time. Not for networks that see the past alone."""
    judged_frames: Annotated[int, Field(ge=0)] = 0
    """Features, texture, the temporal term and the discriminator see so many neighbouring frames of each
    clip, drawn anew in each step, which saves most of their time; 0 is all."""


class AdversarialOptions(Table):
    """`[adversarial]`: a discriminator that learns to tell restored clips from true ones, which the network
    learns to avoid. For networks that are trained already."""

    weight: Annotated[float, Field(ge=0)] = 0.0
    """Beside Charbonnier, which counts 1; 0: none. Published: 0.005 to 0.05."""
    objective: Literal["hinge", "lsgan"] = "hinge"
    """What both minimise: hinge losses, or least squares (LSGAN)."""
    width: Annotated[int, Field(ge=4, le=256)] = 16
    """Channels of the discriminator at its largest scale."""
    rate: Annotated[float, Field(gt=0, lt=1)] = 1e-4
    """The discriminator's learning rate, the same in all steps."""
    rise_steps: Annotated[int, Field(ge=0)] = 0
    """The weight rises from zero over these, in which the discriminator learns alone at first."""


class TeacherOptions(Table):
    """`[teacher]`: targets from trained networks, beside the ground truth."""

    models: list[str] = Field(default=[])
    """Each a name as in `start.from`; their mean is the target. The first sees the clip as it is, each
    further one flipped, turned and reversed in time by a draw of its own. Empty: ground truth alone.
    With `stored`, "NAME@BI" and "NAME@BD" see clips of that degradation, whatever the student sees."""
    weight: Share = 0.7
    """Of the teacher; the rest is of the ground truth."""
    combine: Literal["targets", "losses"] = "targets"
    """Whether the two targets are averaged, or the losses against them."""
    transform_first: bool = False
    """The first network sees a transformed clip as well."""
    input: Literal["same", "clean"] = "same"
    """With degradation "video": what the teacher sees, the same LR clip or the undamaged one (BI)."""
    stored: bool = False
    """Make the teacher's version of each cached clip once, before training, from the whole clip, and keep it
    in `data.cache`. Photographs, which move anew in each sample, are still taught during training, by
    those of the networks that see clips of the student's degradation; without any, by the ground truth.
    With degradation "video" and input "same" the damaged clips are stored too."""
    versions: Count = 1
    """Of those: how many, each damaged anew."""
    version_frames: Annotated[int, Field(ge=0)] = 0
    """Of those: frames in each, in turn the clip's first and its last; 0 is all."""
    photos: Literal["teacher", "truth"] = "teacher"
    """"truth": those photographs learn from the ground truth; for students much faster than the teacher."""
    precision: Literal["same", "int8"] = "same"
    """"same" as the run's; "int8": about twice as fast as bf16 on CPUs with VNNI, slower with AMX."""

    @model_validator(mode="after")
    def _stored_by_networks(self) -> Self:
        if self.stored and not self.models:
            raise ValueError("stored needs networks to make the targets; set models")
        for entry in self.models:
            if split_degradation(entry)[1] and not self.stored:
                raise ValueError(f"models: {entry!r} sees clips of its own, which needs stored = true")
        return self


class ValidationOptions(Table):
    """`[validation]`: PSNR on luma of held-out clips, and how their features differ."""

    path: str = ""
    """A folder of clips, below `data.root`; empty: no validation, the last weights are kept."""
    every: Count = 250
    """Steps between."""
    frames: Annotated[int, Field(ge=0)] = 0
    """First frames of each clip; 0 is all."""
    crop: Annotated[int, Field(ge=0)] = 0
    """Side of a square in the centre, in HR pixels; 0 is the whole picture."""
    conditions: list[str] = Field(default=["BI"], min_length=1)
    """"BI", "BD", or one of them with H.264 compression of the LR clip, as "BI+crf28"."""
    choose: Literal["psnr", "features", "last"] = "psnr"
    """Which weights are kept: those of the best PSNR; those of the least feature distance whose PSNR is
    `least_psnr` or more; or the last, whatever is measured."""
    least_psnr: Annotated[float, Field(ge=0)] = 0.0
    """In dB, for "features": that distance alone would be bought at any price."""

    @field_validator("conditions")
    @classmethod
    def _known(cls, conditions: list[str]) -> list[str]:
        for condition in conditions:
            check_condition(condition)
        return conditions


class LogOptions(Table):
    """`[log]`: what is written down, in `out`."""

    every: Count = 20
    """Steps between lines of log.jsonl."""
    checkpoint_minutes: Annotated[float, Field(ge=0)] = 5.0
    """Minutes between checkpoints; 0 writes one after every step."""
    tensorboard: bool = False
    """Also write curves for TensorBoard (`.[train]` installs it)."""


class CardOptions(Table):
    """`[card]`: what the model's card says beside what the run knows itself."""

    summary: str = "trained with tcnet train"
    licence: str = "not stated"
    source: str = "not stated"


class TrainingConfig(Table):
    """A whole run."""

    name: str
    """Of the model: the weights are written to out/NAME.safetensors."""
    out: str
    """Folder of the run: weights, checkpoint, log."""
    seed: Annotated[int, Field(ge=0)] = 1
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    compile: bool = False
    """Compile the network's trunks (torch.compile): a minute at first, faster then on a GPU."""
    network: dict[str, Any] = Field(default={})
    """`preset`, a named configuration ("tcnet", "fast", "lite", "paper"), and the fields of TCNetConfig that
    differ from it. "clean-up", of `denoise`, learns undamaged LR clips (BI); its fields: CleanUpConfig's."""
    start: StartOptions = StartOptions()
    data: DataOptions
    optimisation: OptimisationOptions
    loss: LossOptions = LossOptions()
    adversarial: AdversarialOptions = AdversarialOptions()
    teacher: TeacherOptions = TeacherOptions()
    validation: ValidationOptions = ValidationOptions()
    log: LogOptions = LogOptions()
    card: CardOptions = CardOptions()

    @field_validator("name")
    @classmethod
    def _file_name(cls, name: str) -> str:
        if not re.fullmatch(r"[\w.-]+", name):
            raise ValueError(f"{name!r} cannot name a file; use letters, digits, '-', '_' and '.'")
        return name

    @model_validator(mode="after")
    def _stored_of_what(self) -> Self:
        teacher = self.teacher
        if self.damaged_targets and any(split_degradation(entry)[1] for entry in teacher.models):
            raise ValueError(
                'teacher.stored with degradation "video" and teacher.input "same": its networks see the '
                'damaged clips; leave out "@BI" and "@BD"'
            )
        if teacher.stored and self.data.video.dark:
            raise ValueError("data.video.dark darkens the ground truth, but no stored target: set it to 0")
        if teacher.stored and self.data.still:
            raise ValueError("data.still holds the ground truth still, but no stored target: set it to 0")
        if not self.damaged_targets and (teacher.versions > 1 or teacher.version_frames):
            raise ValueError(
                "teacher.versions and teacher.version_frames are of damaged clips that are stored: "
                'degradation = "video", stored = true, input = "same"'
            )
        return self

    @model_validator(mode="after")
    def _clean_up_by_itself(self) -> Self:
        if not self.trains_clean_up:
            return self
        if self.data.degradation != "video":
            raise ValueError(f'a clean-up learns from degradation = "video", not {self.data.degradation!r}')
        for name, given in (
            ("teacher", self.teacher.models),
            ("adversarial", self.adversarial.weight),
            ("start.flow", self.start.flow),
            ("start.shrink", self.start.shrink),
            ("compile", self.compile),
        ):
            if given:
                raise ValueError(f"{name} is for TCNets, not for a clean-up: leave it out")
        return self

    @model_validator(mode="after")
    def _clips_that_losses_can_judge(self) -> Self:
        if self.adversarial.weight and self.data.size % 4:
            raise ValueError(f"adversarial: data.size must be a multiple of 4 for it, not {self.data.size}")
        if self.data.frames == 1:
            for name in ("temporal", "static", "reversal"):
                if getattr(self.loss, name):
                    raise ValueError(f"loss.{name} compares frames: set data.frames to 2 or more, not 1")
        return self

    @property
    def trains_clean_up(self) -> bool:
        """Whether the network is a clean-up, whose truth are undamaged LR clips."""
        return self.network.get("preset") == CLEAN_UP

    @property
    def damaged_targets(self) -> bool:
        """Whether the teacher's stored clips are of damaged ones."""
        teacher = self.teacher
        return teacher.stored and self.data.degradation == "video" and teacher.input == "same"

    @field_validator("network")
    @classmethod
    def _network_fields(cls, network: dict[str, Any]) -> dict[str, Any]:
        network_config(network)
        return network


def split_degradation(entry: str) -> tuple[str, str]:
    """An entry of `teacher.models` -> (name, "BI" or "BD"); without "@" the second is empty."""
    for degradation in ("BI", "BD"):
        if entry.endswith(f"@{degradation}"):
            return entry.removesuffix(f"@{degradation}"), degradation
    return entry, ""


def network_config(network: dict[str, Any]) -> TCNetConfig | CleanUpConfig:
    """The `[network]` table as a configuration. Raises ValueError for unknown keys and values."""
    changes = dict(network)
    preset = changes.pop("preset", "tcnet")
    presets: dict[str, TCNetConfig | CleanUpConfig] = {**CONFIGS, CLEAN_UP: CleanUpConfig()}
    if preset not in presets:
        raise ValueError(f"preset {preset!r} is unknown; choose {', '.join(presets)}")
    kind = type(presets[preset])
    fields = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(changes.keys() - fields):
        raise ValueError(f"unknown key {unknown[0]!r}; a network has {', '.join(sorted(fields))}")
    values = dataclasses.asdict(presets[preset]) | changes
    try:
        # As JSON: in strict mode pydantic takes a dataclass from Python only as an instance.
        return TypeAdapter(kind).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise ValueError(_first_problem(error)) from error


def load_config(path: Path, overrides: Sequence[str] = ()) -> TrainingConfig:
    """Read the TOML file of a training.

    Args:
        path: the file.
        overrides: applied to it, each "a.b=value" with a value in TOML (a bare word is text).

    Returns:
        The configuration, checked.

    Raises:
        UsageError: one line that names the key, for a missing file, wrong TOML, unknown keys, wrong types and
            values out of range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    for override in overrides:
        _apply(values, override)
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{path}: {_first_problem(error)}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {override!r}: write key=value, such as optimisation.steps=100")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *parents, last = key.strip().split(".")
    place: Any = values
    for parent in parents:
        place = _inner(place, parent, override)
    if isinstance(place, list):
        place[_position(place, last, override)] = value
    else:
        place[last] = value


def _inner(place: Any, key: str, override: str) -> Any:  # noqa: ANN401 - TOML values are of any type
    inner = place[_position(place, key, override)] if isinstance(place, list) else place.setdefault(key, {})
    if not isinstance(inner, dict | list):
        raise UsageError(f"--set {override!r}: {key} is a value, not a table")
    return inner


def _position(items: list[Any], key: str, override: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise UsageError(
            f"--set {override!r}: {key} is not an entry of a list of {len(items)}; entries count from 0"
        )
    return int(key)


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "configuration"
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if problem["type"] == "extra_forbidden":
        return f"unknown key {place!r}"
    if problem["type"] == "missing":
        return f"key {place!r} is missing"
    if problem["type"] == "value_error":
        return f"{place}: {message}"
    return f"{place}: {message}, got {problem['input']!r}"
