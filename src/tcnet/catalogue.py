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

from tcnet.errors import MediaError, UsageError

WEIGHTS_NAME = "model.safetensors"
"""The weight file's name in a folder of its own."""
USES = ("files", "benchmark")
"""What models are for: video files as people have them, or the published benchmarks' kind of input."""


@dataclass(frozen=True, slots=True)
class Gain:
    """How much better than bicubic interpolation.

    Attributes:
        psnr: gain in dB, on luma; of a model that is trained to look right it may be a loss.
        on: the kind of input, in a word.
        measured: on what exactly.
        features: change of the feature distance (docs/metrics.md), of models that are chosen by it: -0.35 is
            a distance from the truth that is 35 % smaller.
    """

    psnr: float
    on: str
    measured: str
    features: float | None = None


@dataclass(frozen=True, slots=True)
class DetailRange:
    """Of a model whose detail can be chosen: from 0, another model, to 1, the model itself.

    Attributes:
        base: the other, of the same architecture: a model's name, or a weight file beside the card.
        default: where between them, if nothing else is said.

    Raises:
        UsageError: for a default beyond 0 to 1, and a base with a folder.
    """

    base: str
    default: float

    def __post_init__(self) -> None:
        check_share(self.default)
        if Path(self.base).name != self.base:
            raise UsageError(
                f"base is {self.base!r}: give a model's name, or a weight file's without a folder"
            )


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
    default: bool = False


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
    card = weights_path(model).with_suffix(".toml")
    if not card.is_file():
        return None
    try:
        found = tomllib.loads(card.read_text(encoding="utf-8")).get("detail")
        return None if found is None else DetailRange(**found)
    except (OSError, ValueError, TypeError) as error:
        raise MediaError(
            f"{card}: this card beside the weights cannot be used ({error}); mend or remove it"
        ) from error


def chosen_detail(model: str | Path, detail: float | None) -> tuple[Path, float] | None:
    """The weight file that a model's detail begins with, and the detail: as given, or the card's default.

    None for a model without, if none is given. Raises like `detail_range`, UsageError for a detail that is
    given to a model without, or beyond 0 to 1, and MediaError for a missing file.
    """
    if detail is not None:
        check_share(detail)
    known = detail_range(model)
    if known is not None:
        base = weights_path(known.base if known.base in NAMES else weights_path(model).with_name(known.base))
        return base, known.default if detail is None else detail
    if detail is not None:
        raise UsageError(no_detail(str(model)))
    return None


def no_detail(model: str) -> str:
    """Why a model takes no detail, and which ones do."""
    others = ", ".join(card.name for card in list_models() if card.detail is not None)
    instead = f"or choose {others}" if others else "no model in the package has it"
    return f"{model} has no detail to choose: leave it out, {instead}"


def check_share(detail: float) -> None:
    """Raises UsageError for a detail beyond 0 to 1."""
    if not 0 <= detail <= 1:
        raise UsageError(f"detail is {detail:g}, it must be from 0 to 1")


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


def _read_card(path: Path) -> ModelCard:
    fields = tomllib.loads(path.read_text(encoding="utf-8"))
    detail = fields.pop("detail", None)
    return ModelCard(
        name=path.stem,
        gain=Gain(**fields.pop("gain")),
        detail=None if detail is None else DetailRange(**detail),
        **fields,
    )


NAMES = tuple(card.name for card in list_models())
DEFAULT_MODEL = NAMES[0]
