"""The models in the package, by their cards: TOML files beside the weights, and all there is to be listed.

Read without torch, so that what only names models is there at once.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TypeVar

from tcnet.errors import MediaError, UsageError

WEIGHTS_NAME = "model.safetensors"
"""The weight file's name in a folder of its own."""
CLEAN_UP_NAME = "clean-up.safetensors"
"""The weight file of the package's clean-up, which has no card: it is no model."""
FARTHEST = 2.0
"""How far the weights of a detail may lie from the base, the model's own being at 1."""
USES = ("files", "benchmark")
"""What models are for: video files as people have them, or the published benchmarks' kind of input."""


def check_share(value: float, name: str) -> None:
    """Raises UsageError, with the name, for a value beyond 0 to 1."""
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value:g}, it must be from 0 to 1")


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better than bicubic interpolation.

    Attributes:
        psnr: gain in dB, on luma; of a model that is trained to look right it may be a loss.
        on: the kind of input, in a word.
        measured: on what exactly.
        lpips: change of LPIPS by AlexNet, a distance from the truth as networks see it, of models that are
            trained to look right: -0.35 is a distance that is 35 % smaller.
    """

    psnr: float
    on: str
    measured: str
    lpips: float | None = None


@dataclass(frozen=True, slots=True)
class DetailRange:
    """Of a model whose detail can be chosen: from 0, another model, on the way to the model itself, to 1.

    Attributes:
        base: the other, of the same architecture: a model's name, or a weight file beside the card.
        default: where on the way, if nothing else is said.
        reach: how far 1 is from the base: 1 is the model itself, 1.25 a quarter of the way beyond it.

    Raises:
        UsageError: for a default beyond 0 to 1, a reach beyond 0 to 2, and a base with a folder.
    """

    base: str
    default: float
    reach: float = 1.0

    def __post_init__(self) -> None:
        check_share(self.default, "detail")
        if not 0 < self.reach <= FARTHEST:
            raise UsageError(f"reach is {self.reach:g}, it must be over 0 and at most {FARTHEST:g}")
        if Path(self.base).name != self.base:
            raise UsageError(
                f"base is {self.base!r}: give a model's name, or a weight file's without a folder"
            )


@dataclass(frozen=True, slots=True)
class Denoise:
    """How a model's input is cleaned, where its card says something of it.

    Attributes:
        default: how far, from 0 to 1, if nothing else is said.
        clean_up: the clean-up's weight file beside the card; empty: the package's.

    Raises:
        UsageError: for a default beyond 0 to 1, and a file with a folder.
    """

    default: float = 0.0
    clean_up: str = ""

    def __post_init__(self) -> None:
        check_share(self.default, "denoise")
        if Path(self.clean_up).name != self.clean_up:
            raise UsageError(f"clean_up is {self.clean_up!r}: give a weight file's name without a folder")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """What to know of a model before using it.

    Attributes:
        name: for `load_model`, `upscale_video` and the command.
        use: one of USES.
        summary: what it is for, in a line.
        gain: the figure to choose by.
        weights: the weight file's name.
        degradation: the input it was trained for.
        data: what it was trained on.
        steps: training steps.
        licence: of the weights.
        source: where the weights come from.
        figures: what was measured, by protocol.
        detail: where its detail can be chosen.
        denoise: how its input is cleaned by default.
        default: whether it is used where none is named.
    """

    name: str
    use: str
    summary: str
    gain: Gain
    weights: str
    degradation: str
    data: str
    steps: int
    licence: str
    source: str
    figures: dict[str, str]
    detail: DetailRange | None = None
    denoise: Denoise = Denoise()
    default: bool = False


Table = TypeVar("Table", DetailRange, Denoise)


@cache
def list_models() -> tuple[ModelCard, ...]:
    """The models in the package.

    Returns:
        Their cards: the default, the others for files, those for benchmarks.
    """
    cards = [_read_card(path) for path in sorted(weights_folder().glob("*.toml"))]
    return tuple(sorted(cards, key=lambda card: (not card.default, USES.index(card.use), card.name)))


def model_card(name: str) -> ModelCard:
    """The card of a model in the package.

    Raises:
        UsageError: for an unknown name.
    """
    for card in list_models():
        if card.name == name:
            return card
    near = get_close_matches(name, NAMES, 1, cutoff=0.75)
    meant = f"did you mean {near[0]!r}? The" if near else "the"
    raise UsageError(f"unknown model {name!r}; {meant} models are {', '.join(NAMES)}, or a .safetensors file")


def weights_path(model: str | Path) -> Path:
    """The file of a model in the package, the given .safetensors file, or model.safetensors in a folder.

    Raises UsageError for an unknown name and MediaError for a missing file.
    """
    if str(model) not in NAMES and (own := Path(model) / WEIGHTS_NAME).is_file():
        return own
    if isinstance(model, Path) or model.endswith(".safetensors"):
        path = Path(model)
        if not path.is_file():
            raise MediaError(f"{path}: no such weight file")
        return path
    return weights_folder() / model_card(model).weights


def detail_range(model: str | Path) -> DetailRange | None:
    """Whether and how the detail of a model can be chosen: the table `detail` of the card beside its weights.

    model: as for `weights_path`; so a weight file of one's own may have a card, of its name with .toml, too.
    Raises UsageError and MediaError as `weights_path`, and MediaError for a damaged card.
    """
    return _of_card(model, "detail", DetailRange)


@dataclass(frozen=True, slots=True)
class ChosenDetail:
    """The weight file that a detail begins with, the detail, and how far from that file's weights it is, the
    model's own being at 1."""

    base: Path
    detail: float
    share: float


def chosen_detail(model: str | Path, detail: float | None) -> ChosenDetail | None:
    """A model's detail: as given, or the card's default.

    None for a model without, if none is given. Raises like `detail_range`, UsageError for a detail that is
    given to a model without, or beyond 0 to 1, and MediaError for a missing file.
    """
    if detail is not None:
        check_share(detail, "detail")
    known = detail_range(model)
    if known is not None:
        base = weights_path(known.base if known.base in NAMES else weights_path(model).with_name(known.base))
        detail = known.default if detail is None else detail
        return ChosenDetail(base, detail, known.reach * detail)
    if detail is not None:
        raise UsageError(no_detail(str(model)))
    return None


def default_denoise(model: str | Path) -> float:
    """How far a model's input is cleaned if nothing else is said: 0 to 1, by its card.

    model: as for `weights_path`. Raises like `detail_range`.
    """
    return _denoise_of(model).default


def chosen_denoise(model: str | Path, denoise: float | None) -> tuple[Path, float] | None:
    """The weight file of a model's clean-up, and how far it cleans: as given, or the card's default.

    None where nothing is cleaned. Raises like `detail_range`, UsageError for a value beyond 0 to 1, and
    MediaError for a missing file.
    """
    if denoise is not None:
        check_share(denoise, "denoise")
    known = _denoise_of(model)
    share = known.default if denoise is None else denoise
    if not share:
        return None
    own = weights_path(model).with_name(known.clean_up) if known.clean_up else None
    return weights_path(own or weights_folder() / CLEAN_UP_NAME), share


def no_detail(model: str) -> str:
    """Why a model takes no detail, and which ones do."""
    others = ", ".join(card.name for card in list_models() if card.detail is not None)
    instead = f"or choose {others}" if others else "no model in the package has it"
    return f"{model} has no detail to choose: leave it out, {instead}"


def weights_hash(model: str | Path) -> str:
    """First 12 hex digits of the weight file's SHA-256: names the weights in results and journals."""
    return file_hash(weights_path(model))


@cache
def file_hash(path: Path) -> str:
    """First 12 hex digits of a file's SHA-256."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def weights_folder() -> Path:
    """Where weights and cards lie."""
    # The package is installed as files (setuptools, wheels unpacked), so the resource has a path.
    return Path(str(resources.files("tcnet") / "weights"))


def _denoise_of(model: str | Path) -> Denoise:
    return _of_card(model, "denoise", Denoise) or Denoise()


def _of_card(model: str | Path, name: str, kind: type[Table]) -> Table | None:
    """The table of that name of the card beside a model's weights, None if there is none."""
    card = weights_path(model).with_suffix(".toml")
    if not card.is_file():
        return None
    try:
        found = tomllib.loads(card.read_text(encoding="utf-8")).get(name)
        return None if found is None else kind(**found)
    except (OSError, ValueError, TypeError) as error:
        raise MediaError(
            f"{card}: this card beside the weights cannot be used ({error}); mend or remove it"
        ) from error


def _read_card(path: Path) -> ModelCard:
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    detail = fields.pop("detail", None)
    return ModelCard(
        name=path.stem,
        gain=Gain(**fields.pop("gain")),
        detail=None if detail is None else DetailRange(**detail),
        denoise=Denoise(**fields.pop("denoise", {})),
        **fields,
    )


NAMES = tuple(card.name for card in list_models())
DEFAULT_MODEL = NAMES[0]
