"""Which frames are measured and how: the benchmarks' sets as data, and the protocol's name.

The averages follow the literature: over the frames of a clip, then over clips. Nothing is cropped at the
border, every frame counts (of Vimeo-90K the centre frame), and HR is cut to a multiple of 4 before it is
degraded. How the clips are found and read: `tcnet.evaluation.datasets`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from tcnet.data.condition import check_condition
from tcnet.data.degradation import DEGRADATIONS
from tcnet.errors import UsageError
from tcnet.evaluation.metrics.definitions import METRICS, metric_label
from tcnet.evaluation.metrics.fidelity import Channel

GIVEN = "none"  # the degradation of sets whose LR clips are given


@dataclass(frozen=True, slots=True)
class EvaluationSet:
    """A benchmark: its clips, where its distributions keep them, and what is measured.

    clips: their names in the order of the published tables; None takes every clip that lies in the folder,
        of which there must be `clip_count`, where that is known.
    clip_list: a text file below the data folder that names the clips instead, one a line.
    layouts: paths below the data folder, `{clip}` standing for a clip's name; each may be a folder of images
        or a video file of that name with a known suffix. The first layout that exists is taken.
    lr_layouts: where the LR clips lie, where they are given and not made.
    frame_count: of every clip, where all have the same.
    centre_of_mirrored: the clip is shown forwards and then backwards, and only its centre frame is measured.
    """

    name: str
    channel: Channel
    clips: tuple[str, ...] | None
    layouts: tuple[str, ...] = ("{clip}",)
    lr_layouts: tuple[str, ...] = ()
    clip_list: str | None = None
    clip_count: int | None = None
    frame_count: int | None = None
    centre_of_mirrored: bool = False


_UDM10 = ("archpeople", "archwall", "auditorium", "band", "caffe", "camera", "clap", "lake", "photography",
          "polyflow")  # fmt: skip
_SPMCS11 = ("car05_001", "hdclub_003_001", "hitachi_isee5_001", "hk004_001", "HKVTG_004", "jvc_009_001",
            "NYVTG_006", "PRVTG_012", "RMVTG_011", "veni3_011", "veni5_015")  # fmt: skip
# UDM10 and SPMCS came as one folder a clip, the HR frames in its "truth" (beside "blur4" or "input4"); the
# authors of VRT and others moved them to GT/clip.
_TRUTH = ("{clip}/truth", "GT/{clip}", "{clip}")

EVALUATION_SETS: Mapping[str, EvaluationSet] = MappingProxyType(
    {
        known.name: known
        for known in (
            EvaluationSet("vid4", "y", ("calendar", "city", "foliage", "walk"), ("{clip}", "GT/{clip}")),
            # Four clips of the training part of REDS that are trained on by nobody (Wang et al., EDVR, 2019).
            EvaluationSet(
                "reds4",
                "rgb",
                ("000", "011", "015", "020"),
                ("train_sharp/{clip}", "train/train_sharp/{clip}", "GT/{clip}", "{clip}"),
                frame_count=100,
            ),
            # The test part of the septuplets (Xue et al., IJCV 2019); mirrored as BasicVSR's authors do it.
            EvaluationSet(
                "vimeo90k",
                "y",
                None,
                ("sequences/{clip}", "GT/{clip}", "target/{clip}"),
                clip_list="sep_testlist.txt",
                frame_count=7,
                centre_of_mirrored=True,
            ),
            EvaluationSet("udm10", "y", _UDM10, _TRUTH, frame_count=32),  # Yi et al., PFNL, ICCV 2019
            # Tao et al., ICCV 2017: 30 clips of 31 frames, of which they measured the middle one alone; later
            # work measures all. 11 of the clips are what RBPN (Haris et al., CVPR 2019) and others report.
            EvaluationSet("spmcs", "y", None, _TRUTH, clip_count=30, frame_count=31),
            EvaluationSet("spmcs11", "y", _SPMCS11, _TRUTH, frame_count=31),
            EvaluationSet("folder", "y", None),
            EvaluationSet(
                "pairs", "y", None, ("HR/{clip}", "GT/{clip}"), ("LR/{clip}", "LQ/{clip}", "BIx4/{clip}")
            ),
        )
    }
)


def evaluation_set(name: str) -> EvaluationSet:
    """The set of that name. Raises UsageError naming those that exist."""
    if name not in EVALUATION_SETS:
        raise UsageError(f"evaluation set {name!r} is unknown; choose one of {', '.join(EVALUATION_SETS)}")
    return EVALUATION_SETS[name]


def default_metrics(set_name: str, consistency: bool) -> tuple[str, ...]:
    """PSNR and SSIM; with `consistency` also detail and the temporal metrics, for clips of several frames.

    Raises UsageError for an unknown set.
    """
    chosen = evaluation_set(set_name)
    single = ("psnr", "ssim")
    if not consistency or chosen.centre_of_mirrored:
        return single
    return (*single, "detail", *(name for name, definition in METRICS.items() if definition.temporal))


def check_degradation(chosen: EvaluationSet, degradation: str) -> None:
    """Raises UsageError for a degradation that does not exist or that this set does not go with."""
    if chosen.lr_layouts and degradation != GIVEN:
        raise UsageError(f"{chosen.name} brings its LR clips; give the degradation {GIVEN!r}")
    if not chosen.lr_layouts and degradation == GIVEN:
        raise UsageError(f"the LR clips of {chosen.name} are made; choose one of {', '.join(DEGRADATIONS)}")
    if degradation != GIVEN:
        check_condition(degradation)


def protocol_id(
    chosen: EvaluationSet, degradation: str, metrics: Sequence[str], limit_frames: int | None = None
) -> str:
    """Name of the protocol; two figures may be compared only if theirs are equal.

    For example "vid4/BI/psnr-y,ssim-y/no-crop/all-frames/mean-of-frames-then-clips".
    """
    measured = ",".join(metric_label(metric, chosen.channel) for metric in metrics)
    frames = "all-frames" if limit_frames is None else f"first-{limit_frames}-frames"
    if chosen.centre_of_mirrored:
        frames = "mirrored-centre-frame"
    return f"{chosen.name}/{degradation}/{measured}/no-crop/{frames}/mean-of-frames-then-clips"
