"""The sets by name, and the protocol's name."""

import pytest

from tcnet.errors import UsageError
from tcnet.evaluation.protocol import check_degradation, default_metrics, evaluation_set, protocol_id

VID4 = evaluation_set("vid4")
FOLDER = evaluation_set("folder")


def test_an_unknown_set_names_those_that_exist():
    with pytest.raises(UsageError, match="'set14' is unknown; choose one of vid4, reds4, vimeo90k, udm10"):
        evaluation_set("set14")


def test_the_protocol_has_a_name():
    expected = "vid4/BI/psnr-y,ssim-y/no-crop/all-frames/mean-of-frames-then-clips"
    assert protocol_id(VID4, "BI", ("psnr", "ssim")) == expected
    assert protocol_id(FOLDER, "BD", ("psnr",), 10) == (
        "folder/BD/psnr-y/no-crop/first-10-frames/mean-of-frames-then-clips"
    )
    assert protocol_id(evaluation_set("reds4"), "BI", ("psnr",)) == (
        "reds4/BI/psnr-rgb/no-crop/all-frames/mean-of-frames-then-clips"
    )
    assert "/mirrored-centre-frame/" in protocol_id(evaluation_set("vimeo90k"), "BI", ("psnr",))


def test_a_report_measures_consistency_where_clips_have_frames():
    assert default_metrics("vid4", consistency=False) == ("psnr", "ssim")
    assert default_metrics("vid4", consistency=True) == (
        *("psnr", "ssim", "detail", "warp", "tof", "tgrad", "flicker", "change", "static-change"),
    )
    assert default_metrics("vimeo90k", consistency=True) == ("psnr", "ssim")
    with pytest.raises(UsageError, match="'set5' is unknown"):
        default_metrics("set5", consistency=True)


@pytest.mark.parametrize(
    ("set_name", "degradation", "message"),
    [
        ("pairs", "BI", "pairs brings its LR clips; give the degradation 'none'"),
        ("vid4", "none", "are made; choose one of BI, BD"),
        ("vid4", "bi", "'bi' is unknown"),
        ("vid4", "BI+crf99", "after \\+ comes H.264"),
    ],
)
def test_a_degradation_must_go_with_the_set(set_name, degradation, message):
    with pytest.raises(UsageError, match=message):
        check_degradation(evaluation_set(set_name), degradation)
