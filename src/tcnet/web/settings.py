"""Settings of a server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tcnet.catalogue import DetailRange, ModelCard, default_denoise, detail_range, list_models
from tcnet.errors import UsageError
from tcnet.speeds import newest_speed

GIBIBYTE = 2**30
LOOPBACK = ("127.0.0.1", "::1", "localhost")
LEAST_TOKEN = 12
"""Characters: enough not to be guessed over a network. Generated ones have 32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the server accepts. Anything beyond is refused in one line before the work begins."""

    upload_bytes: int = 8 * GIBIBYTE
    """Of one file."""
    duration_seconds: float = 4 * 3600
    pixels: int = 1920 * 1088
    """Of one input frame: 1080 lines are coded as 1088."""
    frames: int = 500_000
    queue: int = 20
    """Waiting and running jobs."""
    jobs: int = 500
    """Jobs and unfinished uploads that are kept."""
    free_bytes: int = 2 * GIBIBYTE
    """Disk space that is left free."""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if value < 0 or (value == 0 and name != "free_bytes"):
                raise UsageError(f"the limit {name} is {value}, it must be more than 0")


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model for jobs. weights: the value of `tcnet upscale --model`."""

    name: str
    summary: str
    weights: str
    card: ModelCard | None = None
    """Of a model in the package."""
    detail: float | None = None
    """Its default; None where it has none to choose."""
    denoise: float = 0.0
    """Its default."""

    @property
    def use(self) -> str:
        return "files" if self.card is None else self.card.use

    def seconds_per_pixel(self) -> float | None:
        """As last measured on this machine; None where it was not."""
        speed = None if self.card is None else newest_speed(self.card)
        return None if speed is None else speed.seconds_per_pixel


def served_models(more: Mapping[str, Path] | None = None) -> tuple[ServedModel, ...]:
    """The models in the package, the default first, and weight files under names.

    Raises UsageError for a name that is taken and a file that does not exist, MediaError for a damaged card.
    """
    models = [
        ServedModel(
            card.name, card.summary, card.name, card, _default_detail(card.detail), card.denoise.default
        )
        for card in list_models()
    ]
    for name, path in (more or {}).items():
        if name in [model.name for model in models]:
            raise UsageError(f"--model {name}={path}: there is a model of this name already; choose another")
        if not path.is_file() or path.suffix != ".safetensors":
            raise UsageError(f"--model {name}={path}: no weight file (.safetensors)")
        weights = str(path.absolute())
        detail, denoise = _default_detail(detail_range(weights)), default_denoise(weights)
        models.append(ServedModel(name, f"weights of {path.name}", weights, detail=detail, denoise=denoise))
    return tuple(models)


def _default_detail(known: DetailRange | None) -> float | None:
    return None if known is None else known.default


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """data_dir: where all of it lives. token: None lets everyone in who reaches the server. hosts: names
    by which the server may be called, None: any. keep_days: after which ended jobs and uploads that do not go
    on are removed, 0: never."""

    data_dir: Path
    token: str | None = None
    hosts: frozenset[str] | None = frozenset(LOOPBACK)
    keep_days: float = 7
    limits: Limits = field(default_factory=Limits)
    models: tuple[ServedModel, ...] = field(default_factory=served_models)

    def __post_init__(self) -> None:
        if self.token is not None and (len(self.token) < LEAST_TOKEN or not self.token.isascii()):
            raise UsageError(
                f"the token has {len(self.token)} characters; give at least {LEAST_TOKEN}, ASCII"
            )
        if self.token is not None and not all(sign.isalnum() or sign in "-._~" for sign in self.token):
            raise UsageError("the token may have letters, digits and - . _ ~ only, as it goes into a cookie")
        if self.keep_days < 0:
            raise UsageError(f"--keep-days is {self.keep_days:g}; give 0 (for ever) or more")

    def model(self, name: str) -> ServedModel | None:
        return next((model for model in self.models if model.name == name), None)

    @property
    def default_model(self) -> str:
        return self.models[0].name
