"""Tables of the measurements by benchmarks/quality/held_out.py and parts.py, for make_results.py.

Each is a header and rows. What a model is compared with is BasicVSR by the weights that are its parents.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

Table = tuple[Sequence[str], Sequence[Sequence[str]]]

MODELS = {"BI": "tcnet-bi", "BD": "tcnet-bd"}
PARENTS = {"BI": ("basicvsr-bi", "basicvsr-reds"), "BD": ("basicvsr-bd",)}
FOLDERS = {"soft": "`heldout`", "sharp": "`heldout_sharp`"}
PARTS = {
    "alignment": "temporal self-alignment",
    "matching": "correlative matching",
    "stability": "both (the stability module)",
    "first-fusion": "first fusion stage",
    "branches": "the first stage's result, in the second",
    "fusion": "second fusion stage, and so all between the recurrences",
    "h-propagation": "warped neighbours, in pre-propagation",
    "h-refinement": "warped neighbours, in refinement",
    "frames-for-h": "both: the frame itself in their place",
    "coupling": "the fused feature, in refinement",
    "additions": "all that BasicVSR lacks",
    "first-recurrence": "recurrence of pre-propagation",
    "second-recurrence": "recurrence of refinement",
}


def by_clip(document: Any, degradation: str) -> Table:
    """PSNR and SSIM of each clip, means of both sets, and the distance from the better parent, which is that
    with the higher mean on the set."""
    part = document[degradation]
    names = list(part["methods"])
    rows = []
    for title, folder in FOLDERS.items():
        clips = part["sets"][title]["clips"]
        better = max(PARENTS[degradation], key=lambda parent: _mean(clips[parent], "psnr"))
        for clip in clips[names[0]]:
            own = {name: clips[name][clip] for name in names}
            difference = own[MODELS[degradation]]["psnr"] - own[better]["psnr"]
            rows.append([clip, *(_both(own[name]) for name in names), _signed(difference, 2)])
        means = {name: _means(clips[name]) for name in names}
        difference = means[MODELS[degradation]]["psnr"] - means[better]["psnr"]
        cells = (f"**{_both(means[name])}**" for name in names)
        rows.append([f"**{folder}**", *cells, f"**{_signed(difference, 2)}** ({better})"])
    return ["clip", *names, "against the better parent"], rows


def means(document: Any) -> Table:
    """A row for each set and degradation, PSNR and SSIM of the methods that stand for something in it."""
    header = [
        "clips",
        "bicubic",
        "tcnet-lite",
        "BasicVSR, Vimeo-90K weights",
        "BasicVSR, REDS weights",
        "tcnet-bi, tcnet-bd",
    ]
    rows = []
    for degradation, model in MODELS.items():
        vimeo = f"basicvsr-{degradation.lower()}"
        for title in FOLDERS:
            clips = document[degradation]["sets"][title]["clips"]
            row = [f"{degradation}, five {title} ones"]
            for name in ("bicubic", "tcnet-lite", vimeo, "basicvsr-reds", model):
                row.append(_both(_means(clips[name])) if name in clips else "")
            rows.append(row)
    return header, rows


def parts(document: Any) -> Table:
    """What the mean and the clips lose or gain without a part, in dB."""
    header = ["without"]
    for model in document:
        header += [f"{model}: mean, dB", "soft", "sharp", "clips from", "to"]
    rows = []
    for part, title in PARTS.items():
        row = [title]
        for of_model in document.values():
            figures = of_model["psnr_y"]
            change = {clip: value - figures["whole"][clip] for clip, value in figures[part].items()}
            soft, sharp = (
                [change[clip] for clip in of_model["sets"][title] if clip in change] for title in FOLDERS
            )
            values = (
                fmean(change.values()),
                fmean(soft),
                fmean(sharp),
                min(change.values()),
                max(change.values()),
            )
            row += [_signed(value, 3) for value in values]
        rows.append(row)
    return header, rows


def _means(clips: Mapping[str, Mapping[str, float | None]]) -> dict[str, float]:
    """Of each metric the mean over clips."""
    first = next(iter(clips.values()))
    return {metric: _mean(clips, metric) for metric in first}


def _mean(clips: Mapping[str, Mapping[str, float | None]], metric: str) -> float:
    return fmean(figures[metric] for figures in clips.values() if figures[metric] is not None)


def _both(figures: Mapping[str, float]) -> str:
    return f"{figures['psnr']:.2f} / {figures['ssim']:.4f}"


def _signed(value: float, decimals: int) -> str:
    """With its sign, which zero has not."""
    text = f"{value:+.{decimals}f}"
    return text if float(text) else text[1:]
