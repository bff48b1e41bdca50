"""Training samples by number: sample n of a seed is always the same, whoever makes it and when."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

from tcnet.data.augmentation import Margins, Region, detail, draw_frames, draw_orientation, draw_region
from tcnet.data.cache import CachedClip, ClipFiles, ImageClip, cache_clips, stack_pixels
from tcnet.data.clips import (
    Provenance,
    find_clips,
    find_photos,
    find_reds,
    find_vimeo90k,
    leave_out,
    read_provenance,
)
from tcnet.data.data_options import STILL_KINDS, DataOptions, SourceOptions
from tcnet.data.degradation import DEGRADATIONS, SCALE, degrade_bi, to_8bit
from tcnet.data.synthetic import generated_still, moving_clip
from tcnet.data.video_degradation import degrade_video_clip
from tcnet.data.wear import darken
from tcnet.errors import MediaError
from tcnet.video import Pixels, read_image

# LR pixels of context that a degradation may read: BI and BD reach 8 HR pixels; a codec predicts from blocks.
MARGINS: Mapping[str, int] = MappingProxyType({"BI": 4, "BD": 4, "video": 8})
GENERATED_STILLS = 16

_FINDERS: Mapping[str, Callable[[Path], tuple[ClipFiles, ...]]] = MappingProxyType(
    {"clips": find_clips, "photos": find_photos, "reds": find_reds, "vimeo90k": find_vimeo90k}
)
TrainingClip = CachedClip | ImageClip


@dataclass(frozen=True, slots=True)
class Source:
    """Clips that are drawn from by their `odds` (which sum to 1); without clips, stills are generated."""

    kind: str
    share: float
    clips: tuple[TrainingClip, ...]
    odds: tuple[float, ...]
    kinds: frozenset[str]
    """What the provenance file calls its clips ("open", "research", ...)."""


@dataclass(frozen=True, slots=True)
class Sources:
    """All sources of a run. notices: one line for each clip that was skipped, and why."""

    sources: tuple[Source, ...]
    notices: tuple[str, ...]

    def describe(self) -> str:
        """For the card: "63 clips, 59 photos (open, research)"."""
        parts = [f"{len(s.clips)} {s.kind}" if s.clips else "generated clips" for s in self.sources]
        kinds = sorted(frozenset[str]().union(*(s.kinds for s in self.sources)))
        return ", ".join(parts) + (f" ({', '.join(kinds)})" if kinds else "")


def open_sources(options: DataOptions, progress: Callable[[int, int], None] | None = None) -> Sources:
    """Find and decode all clips of a run.

    Clips that cannot be read or are smaller than a sample are skipped and named. Raises MediaError for a
    missing folder and for a source that holds no usable clip.
    """
    opened, notices = [], []
    for source in options.sources:
        if source.kind == "generated":
            opened.append(Source(source.kind, source.share, (), (), frozenset()))
            continue
        folder = Path(options.root) / source.path
        found = leave_out(_FINDERS[source.kind](folder), source.exclude)
        clips, problems = _open_clips(found, source, options, progress)
        notices += problems
        if not clips:
            first = f": {problems[0]}" if problems else ", or all are excluded"
            raise MediaError(f"{folder}: no usable clip for training{first}")
        known = read_provenance(Path(options.root) / source.provenance) if source.provenance else {}
        opened.append(_weigh(source, clips, known, options))
    return Sources(tuple(opened), tuple(notices))


def _open_clips(
    found: Sequence[ClipFiles],
    source: SourceOptions,
    options: DataOptions,
    progress: Callable[[int, int], None] | None,
) -> tuple[list[TrainingClip], list[str]]:
    clips: list[TrainingClip] = []
    problems: list[str] = []
    if source.cached:
        decoded = cache_clips(found, Path(options.cache), progress)
        clips += decoded.clips
        problems += decoded.skipped
    else:
        for files in found:
            try:
                height, width, _ = read_image(files.files[0]).shape
            except MediaError as error:
                problems.append(f"{files.name} is skipped: {error}")
            else:
                clips.append(ImageClip(files.name, files.files, height, width))
    if source.kind == "photos":
        return clips, problems
    least = SCALE * options.size
    large = [clip for clip in clips if min(clip.height, clip.width) >= least]
    problems += [
        f"{clip.name} is skipped: {clip.width}x{clip.height} is smaller than a sample ({least}x{least})"
        for clip in clips
        if min(clip.height, clip.width) < least
    ]
    return large, problems


def _weigh(
    source: SourceOptions,
    clips: Sequence[TrainingClip],
    known: Mapping[str, Provenance],
    options: DataOptions,
) -> Source:
    weights = np.ones(len(clips))
    for index, clip in enumerate(clips):
        origin = known.get(Path(clip.name).name)
        if origin is not None and origin.sharpness < options.soft_below:
            weights[index] = options.soft_weight
    if not weights.any():
        raise MediaError(f"{source.path}: all clips are soft and data.soft_weight is 0")
    kinds = frozenset(known[name].kind for clip in clips if (name := Path(clip.name).name) in known)
    return Source(source.kind, source.share, tuple(clips), tuple(weights / weights.sum()), kinds)


class SampleMaker(torch.utils.data.Dataset[dict[str, Tensor]]):
    """Sample by number, as a map of torch's DataLoader.

    A sample is {"lr": (T, 3, size, size), "hr": (T, 3, 4 size, 4 size)} in uint8 codes; for "video" there is
    also "clean", its LR by BI, unless clips come damaged. If any clip has a stored target there are also
    "target", shaped as "hr", the clip's or the ground truth again for clips without one, and "has_target",
    which of both (a bool).
    """

    def __init__(self, sources: Sources, options: DataOptions, seed: int) -> None:
        self.sources = sources
        shares = np.array([source.share for source in self.sources.sources])
        self._shares = shares / shares.sum()
        self._options = options
        self._seed = seed
        cached = [clip for s in sources.sources for clip in s.clips if isinstance(clip, CachedClip)]
        self._targets = any(clip.target is not None for clip in cached)
        self._clean = options.degradation == "video" and not any(clip.seen is not None for clip in cached)
        self._generated: list[Pixels] = []
        if any(source.kind == "generated" for source in self.sources.sources):
            rng = np.random.default_rng(seed)
            size = 8 * options.size
            self._generated = [generated_still(rng, size) for _ in range(GENERATED_STILLS)]

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        """Raises MediaError if a clip that is not cached cannot be read."""
        if self._options.distinct:
            number %= self._options.distinct
        rng = np.random.default_rng((self._seed, number))
        source = self.sources.sources[int(rng.choice(len(self.sources.sources), p=self._shares))]
        cut = self._moving(source, rng) if self._is_still(source) else self._cut(source, rng)
        orientation = draw_orientation(rng)
        hr, target, margins = orientation.apply(cut.hr), cut.target, orientation.turn(cut.margins)
        if self._options.still and rng.random() < self._options.still:
            hr = stack_pixels([hr[0]] * len(hr))
        dark = self._options.video.dark if self._options.degradation == "video" else 0.0
        if dark and rng.random() < dark:
            hr = darken(hr, rng)
        sample = {"hr": _to_tensor(margins.crop(hr, SCALE))}
        if self._targets:
            taught = hr if target is None else orientation.apply(target)
            sample["target"] = _to_tensor(margins.crop(taught, SCALE))
            sample["has_target"] = torch.tensor(target is not None)
        if self._clean:
            sample["clean"] = _to_tensor(margins.crop(_degrade(hr, degrade_bi), 1))
        if cut.seen is not None:
            lr = orientation.apply(cut.seen)
        elif self._options.degradation == "video":
            lr = degrade_video_clip(hr, rng, self._options.video)
        else:
            lr = _degrade(hr, DEGRADATIONS[self._options.degradation])
        sample["lr"] = _to_tensor(margins.crop(lr, 1))
        return sample

    @staticmethod
    def _is_still(source: Source) -> bool:
        return source.kind in STILL_KINDS

    def _cut(self, source: Source, rng: np.random.Generator) -> "_Cut":
        options = self._options
        clip = source.clips[int(rng.choice(len(source.clips), p=source.odds))]
        numbers = draw_frames(rng, clip.frames, options.frames, tuple(options.frame_steps))
        margin = MARGINS[options.degradation]
        region = self._region(clip, int(numbers[len(numbers) // 2]), margin, rng)
        place = (numbers.tolist(), region.rows, region.columns)
        if not isinstance(clip, CachedClip):
            return _Cut(clip.read(*place), region.margins)
        seen = clip.read_seen(place[0], _smaller(region.rows), _smaller(region.columns))
        return _Cut(clip.read(*place), region.margins, clip.read_target(*place), seen)

    def _region(self, clip: TrainingClip, frame: int, margin: int, rng: np.random.Generator) -> Region:
        """The one of `places` with the most detail in that frame."""
        options = self._options
        drawn = [
            draw_region(rng, clip.height, clip.width, options.size, margin) for _ in range(options.places)
        ]
        if len(drawn) == 1:
            return drawn[0]
        return max(drawn, key=lambda region: detail(clip.read([frame], region.rows, region.columns)[0]))

    def _moving(self, source: Source, rng: np.random.Generator) -> "_Cut":
        options = self._options
        if source.clips:
            picked = rng.choice(len(source.clips), 2, p=source.odds)
            whole = slice(None)
            stills = [source.clips[int(index)].read([0], whole, whole)[0] for index in picked]
        else:
            stills = [self._generated[int(index)] for index in rng.integers(0, len(self._generated), 2)]
        margin = MARGINS[options.degradation]
        side = SCALE * (options.size + 2 * margin)
        clip = moving_clip(rng, stills, options.frames, side, side)
        return _Cut(clip, Margins(margin, margin, margin, margin))


@dataclass(frozen=True, slots=True)
class _Cut:
    """A region of a clip with its margins: ground truth, and where they are stored the target and, in LR
    pixels, the damaged clip."""

    hr: Pixels
    margins: Margins
    target: Pixels | None = None
    seen: Pixels | None = None


def _smaller(place: slice) -> slice:
    """HR rows or columns in LR pixels."""
    return slice(place.start // SCALE, place.stop // SCALE)


def _degrade(hr: Pixels, kind: Callable[[Tensor], Tensor]) -> Pixels:
    codes = to_8bit(kind(_to_tensor(hr).float() / 255))
    lr: Pixels = codes.permute(0, 2, 3, 1).contiguous().numpy()
    return lr


def _to_tensor(frames: Pixels) -> Tensor:
    """(T, H, W, 3) uint8 -> (T, 3, H, W) uint8."""
    return torch.from_numpy(np.ascontiguousarray(frames.transpose(0, 3, 1, 2)))
