"""Published scores, to be shown beside measured ones. They are quoted, never recomputed.

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


_Pair = tuple[float, float]

# Method; Vid4, REDS4, Vimeo-90K-T.
_TABLE_I: tuple[tuple[str, _Pair | None, _Pair | None, _Pair | None], ...] = (
    ("Bicubic", (23.78, 0.6347), (26.14, 0.7292), (31.32, 0.8684)),
    ("VESPCN", (25.35, 0.7577), None, None),
    ("TOFlow", (25.89, 0.7651), (27.98, 0.7990), (33.08, 0.9054)),
    ("FRVSR", (26.69, 0.8220), None, None),
    ("DUF", (27.06, 0.8164), (28.63, 0.8251), None),
    ("RBPN", (27.12, 0.8180), (30.09, 0.8590), (37.07, 0.9435)),
    ("EDVR", (27.35, 0.8264), (31.09, 0.8800), (37.61, 0.9489)),
    ("PFNL", (26.73, 0.8029), (29.63, 0.8502), (36.14, 0.9363)),
    ("MuCAN", None, (30.88, 0.8750), (37.32, 0.9465)),
    ("TGA", (27.19, 0.8213), None, (37.43, 0.9480)),
    ("RLSP", (27.15, 0.8202), None, (37.39, 0.9470)),
    ("BasicVSR", (27.29, 0.8267), (31.42, 0.8909), (37.18, 0.9450)),
    ("IconVSR", (27.39, 0.8279), (31.67, 0.8948), (37.47, 0.9476)),
    ("VSRT", (27.36, 0.8258), (31.19, 0.8815), (37.71, 0.9494)),
    ("TTVSR", (27.41, 0.8344), (31.97, 0.9007), (37.60, 0.9502)),
    ("TCNet", (27.48, 0.8380), (31.82, 0.9002), (37.84, 0.9514)),
)

# Method; calendar, city, foliage, walk, mean of Vid4. Bicubic's LR frames were sampled at phase 0, 1.5 pixels
# beside the others': not comparable with ours.
_TABLE_II: tuple[tuple[str, _Pair, _Pair, _Pair, _Pair, _Pair], ...] = (
    (
        "Bicubic (phase 0)",
        (18.41, 0.4619),
        (23.18, 0.4927),
        (21.49, 0.4565),
        (24.12, 0.6873),
        (21.80, 0.5246),
    ),
    ("FRVSR", (23.46, 0.7854), (27.70, 0.8099), (25.96, 0.7560), (29.69, 0.8990), (26.70, 0.8126)),
    ("DUF", (23.85, 0.8052), (27.97, 0.8253), (26.22, 0.7646), (30.47, 0.9118), (27.13, 0.8267)),
    ("RBPN", (24.33, 0.8244), (28.28, 0.8413), (26.46, 0.7753), (30.58, 0.9130), (27.41, 0.8385)),
    ("TDAN", (23.56, 0.7896), (27.53, 0.8028), (26.00, 0.7491), (29.99, 0.9032), (26.77, 0.8112)),
    ("FFCVSR", (24.39, 0.8250), (27.80, 0.8314), (26.70, 0.7868), (30.55, 0.9124), (27.36, 0.8389)),
    ("EDVR", (24.80, 0.8368), (28.54, 0.8508), (26.95, 0.7870), (31.12, 0.9266), (27.85, 0.8503)),
    ("PFNL", (24.37, 0.8246), (28.09, 0.8385), (26.51, 0.7768), (30.64, 0.9134), (27.41, 0.8383)),
    ("RSDN", (24.74, 0.8386), (28.75, 0.8554), (27.00, 0.8013), (30.85, 0.9183), (27.83, 0.8534)),
    ("TGA", (24.47, 0.8286), (28.37, 0.8419), (26.59, 0.7793), (30.96, 0.9181), (27.59, 0.8419)),
    ("RLSP", (24.60, 0.8335), (28.14, 0.8453), (26.75, 0.7925), (30.88, 0.9192), (27.60, 0.8476)),
    ("BasicVSR", (24.89, 0.8423), (28.91, 0.8563), (27.17, 0.7921), (30.99, 0.9326), (27.99, 0.8558)),
    ("IconVSR", (24.94, 0.8434), (28.96, 0.8571), (27.22, 0.7933), (31.07, 0.9334), (28.05, 0.8568)),
    ("PP-MSVSR", (25.03, 0.8486), (28.90, 0.8524), (27.18, 0.7927), (31.40, 0.9479), (28.13, 0.8604)),
    ("OVSR", (25.28, 0.8581), (29.10, 0.8769), (27.49, 0.8230), (31.79, 0.9314), (28.41, 0.8724)),
    ("TTVSR", (25.31, 0.8537), (28.99, 0.8696), (27.53, 0.8175), (31.76, 0.9270), (28.40, 0.8695)),
    ("TCNet", (25.31, 0.8584), (29.12, 0.8780), (27.53, 0.8228), (31.81, 0.9326), (28.44, 0.8730)),
)

PUBLISHED = tuple(
    PublishedScores(method, set_name, "BI", {MEAN: pair})
    for method, *pairs in _TABLE_I
    for set_name, pair in zip(("vid4", "reds4", "vimeo90k"), pairs, strict=True)
    if pair is not None
) + tuple(
    PublishedScores(
        method, "vid4", "BD", dict(zip(("calendar", "city", "foliage", "walk", MEAN), pairs, strict=True))
    )
    for method, *pairs in _TABLE_II
)


def published_scores(set_name: str, degradation: str) -> tuple[PublishedScores, ...]:
    """The published rows for this set and degradation; none for most."""
    return tuple(
        scores for scores in PUBLISHED if (scores.set_name, scores.degradation) == (set_name, degradation)
    )
