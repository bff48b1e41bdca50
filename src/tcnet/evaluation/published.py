"""Figures that others published, to stand beside measured ones. They are quoted, never recomputed.

Source of all: Liu et al., "Temporal Consistency Learning of Inter-Frames for Video Super-Resolution", IEEE
TCSVT 33(4), 2023, Table I (BI) and Table II (BD), as there printed. PSNR in dB and SSIM, on RGB for REDS4, on
Y elsewhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass

MEAN = "mean"


@dataclass(frozen=True, slots=True)
class PublishedScores:
    """One line of a published table. figures: by clip, and by MEAN for the average: (PSNR, SSIM)."""

    method: str
    set_name: str
    degradation: str
    figures: Mapping[str, tuple[float, float]]


def _vid4_bd(method: str, *figures: tuple[float, float]) -> PublishedScores:
    columns = ("calendar", "city", "foliage", "walk", MEAN)
    return PublishedScores(method, "vid4", "BD", dict(zip(columns, figures, strict=True)))


PUBLISHED = (
    PublishedScores("Bicubic", "vid4", "BI", {MEAN: (23.78, 0.6347)}),
    PublishedScores("BasicVSR", "vid4", "BI", {MEAN: (27.29, 0.8267)}),
    PublishedScores("IconVSR", "vid4", "BI", {MEAN: (27.39, 0.8279)}),
    PublishedScores("TCNet", "vid4", "BI", {MEAN: (27.48, 0.8380)}),
    PublishedScores("Bicubic", "reds4", "BI", {MEAN: (26.14, 0.7292)}),
    PublishedScores("BasicVSR", "reds4", "BI", {MEAN: (31.42, 0.8909)}),
    PublishedScores("IconVSR", "reds4", "BI", {MEAN: (31.67, 0.8948)}),
    PublishedScores("TCNet", "reds4", "BI", {MEAN: (31.82, 0.9002)}),
    PublishedScores("Bicubic", "vimeo90k", "BI", {MEAN: (31.32, 0.8684)}),
    PublishedScores("BasicVSR", "vimeo90k", "BI", {MEAN: (37.18, 0.9450)}),
    PublishedScores("IconVSR", "vimeo90k", "BI", {MEAN: (37.47, 0.9476)}),
    PublishedScores("TCNet", "vimeo90k", "BI", {MEAN: (37.84, 0.9514)}),
    # Its LR frames were sampled at phase 0, 1.5 pixels beside the others': not comparable with ours.
    _vid4_bd(
        "Bicubic (phase 0)",
        (18.41, 0.4619),
        (23.18, 0.4927),
        (21.49, 0.4565),
        (24.12, 0.6873),
        (21.80, 0.5246),
    ),
    _vid4_bd("BasicVSR", (24.89, 0.8423), (28.91, 0.8563), (27.17, 0.7921), (30.99, 0.9326), (27.99, 0.8558)),
    _vid4_bd("IconVSR", (24.94, 0.8434), (28.96, 0.8571), (27.22, 0.7933), (31.07, 0.9334), (28.05, 0.8568)),
    _vid4_bd("TCNet", (25.31, 0.8584), (29.12, 0.8780), (27.53, 0.8228), (31.81, 0.9326), (28.44, 0.8730)),
)


def published_scores(set_name: str, degradation: str) -> tuple[PublishedScores, ...]:
    """The published lines for this set and degradation; none for most."""
    return tuple(
        scores for scores in PUBLISHED if (scores.set_name, scores.degradation) == (set_name, degradation)
    )
