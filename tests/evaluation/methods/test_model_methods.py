"""Networks as methods, by name or weight file."""

import pytest
import torch

from tcnet.catalogue import weights_hash
from tcnet.errors import MediaError, UsageError
from tcnet.evaluation.methods.basicvsr import find_basicvsr
from tcnet.evaluation.methods.choice import load_method
from tcnet.models import load_model, save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.ensemble import SelfEnsemble


@pytest.fixture
def tiny(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "tiny.safetensors"
    config = TCNetConfig(
        channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8, motion="tiny"
    )
    save_model(TCNet(config), path)
    return path


def test_a_weight_file_takes_part_under_its_name_and_with_its_hash(tiny):
    method = load_method(str(tiny), device="cpu", precision="fp32")
    assert method.name == "tiny"
    told = {"weights": weights_hash(tiny), "precision": "fp32", "device": "cpu"}
    assert told.items() <= method.description.items()
    lr_clip = torch.rand(3, 3, 16, 20)
    frames = list(method(lr_clip))
    with torch.inference_mode():
        expected = load_model(tiny)(lr_clip[None])[0]
    assert torch.equal(torch.stack(frames), expected)


@pytest.mark.parametrize("kind", ["time", "full"])
def test_a_self_ensemble_is_a_contender_of_its_own(tiny, kind):
    method = load_method(f"{tiny}+{kind}", device="cpu", precision="fp32")
    assert method.name == f"tiny+{kind}"
    assert method.description == load_method(str(tiny), "cpu", "fp32").description
    lr_clip = torch.rand(3, 3, 16, 20)
    with torch.inference_mode():
        expected = SelfEnsemble(load_model(tiny), kind)(lr_clip[None])[0]
    torch.testing.assert_close(torch.stack(list(method(lr_clip))), expected, atol=1e-6, rtol=0)


def test_a_streaming_network_has_no_ensemble(tmp_path):
    save_model(TCNet(TCNetConfig(propagation="forward", channels=8)), tmp_path / "forward.safetensors")
    with pytest.raises(UsageError, match=r"forward.safetensors\+time: only a bidirectional"):
        load_method(f"{tmp_path / 'forward.safetensors'}+time")


def test_lower_precision_gives_float32_frames_too(tiny):
    method = load_method(str(tiny), device="cpu", precision="bf16")
    assert method.description["precision"] == "bf16"
    (frame,) = method(torch.rand(1, 3, 16, 16))
    assert (frame.dtype, frame.shape) == (torch.float32, (3, 64, 64))


def test_basicvsr_takes_part_where_it_is_installed():
    try:
        find_basicvsr("basicvsr-bi")
    except UsageError as error:
        pytest.skip(str(error))
    method = load_method("basicvsr-bi", "cpu", "fp32")
    (frame,) = method(torch.rand(1, 3, 16, 16))
    assert frame.shape == (3, 64, 64)
    assert method.description["weights"] != weights_hash("tcnet-bi")


def test_what_cannot_take_part(tmp_path):
    with pytest.raises(UsageError, match="unknown model 'edvr'"):
        load_method("edvr")
    with pytest.raises(UsageError, match="unknown device 'tpu'"):
        load_method("tcnet-bi", device="tpu")
    with pytest.raises(UsageError, match="unknown precision 'fp8'"):
        load_method("tcnet-bi", precision="fp8")
    with pytest.raises(MediaError, match="no such weight file"):
        load_method(str(tmp_path / "gone.safetensors"))
