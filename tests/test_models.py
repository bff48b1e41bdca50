import dataclasses
import json
import math
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from detail_models import TINY_CLEAN_UP, make_clean_up, make_pair, with_clean_up, write_denoise_models
from tcnet.catalogue import CLEAN_UP_NAME, NAMES, weights_folder, weights_hash, weights_path
from tcnet.errors import MediaError, UsageError
from tcnet.models import (
    CLEAN_UP_FORMAT,
    FORMAT,
    load_clean_up,
    load_model,
    save_clean_up,
    save_model,
)
from tcnet.models import TCNet as PretrainedTCNet
from tcnet.network import TCNet, TCNetConfig
from tcnet.network.clean_up import CleanUp
from tcnet.network.quantisation import expected_ranges

TINY = TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8)
MOST_BYTES = 16 * 2**20


@pytest.fixture
def network():
    torch.manual_seed(0)
    return TCNet(TINY)


@pytest.fixture
def saved(network, tmp_path):
    save_model(network, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def rewrite(path, change=None, **metadata):
    """The weight file again, with `change` made to its tensors and other metadata."""
    tensors = load_file(path)
    if change is not None:
        change(tensors)
    stored = {"format": FORMAT, "config": json.dumps(dataclasses.asdict(TINY))}
    save_file(tensors, path, stored | metadata)
    return path


@pytest.mark.parametrize("name", NAMES)
def test_shipped_models_load(name):
    network = load_model(name)
    assert not network.training
    assert all(not p.requires_grad and p.dtype == torch.float32 for p in network.parameters())


def test_unknown_names_and_missing_files(tmp_path):
    with pytest.raises(UsageError, match="unknown model 'esrgan'; the models are tcnet-"):
        load_model("esrgan")
    with pytest.raises(MediaError, match=r"gone\.safetensors: no such weight file"):
        load_model(tmp_path / "gone.safetensors")
    with pytest.raises(MediaError, match="no such weight file"):
        load_model("gone.safetensors")


def test_what_is_saved_is_what_is_loaded(network, tmp_path):
    path = tmp_path / "a.safetensors"
    save_model(network, path, dtype=torch.float32)
    loaded = load_model(path)
    assert loaded.config == network.config
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    clip = torch.rand(1, 2, 3, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(loaded(clip), network.eval()(clip), rtol=1e-4, atol=1e-5)


def test_half_precision_is_the_default_and_loads_in_any_dtype(network, saved):
    assert {tensor.dtype for tensor in load_file(saved).values()} == {torch.float16}
    loaded = load_model(str(saved), dtype=torch.bfloat16)
    assert loaded.dtype == torch.bfloat16
    for key, value in load_model(saved).state_dict().items():
        assert torch.equal(value, network.state_dict()[key].half().float()), key


@pytest.mark.parametrize("all_but", ["", "motion."])  # older files have fewer
def test_ranges_lie_with_the_weights(network, tmp_path, all_but):
    network.ranges = {
        name: torch.rand(size)
        for name, size in expected_ranges(network).items()
        if not (all_but and name.startswith(all_but))
    }
    save_model(network, tmp_path / "a.safetensors")
    loaded = load_model(tmp_path / "a.safetensors", dtype=torch.bfloat16)
    assert loaded.ranges.keys() == network.ranges.keys()
    assert all(torch.equal(loaded.ranges[name], values) for name, values in network.ranges.items())


@pytest.mark.parametrize("name", NAMES)
def test_shipped_models_have_ranges(name):
    network = load_model(name)
    assert network.ranges.keys() == expected_ranges(network).keys()


def add_one(ranges):
    ranges["reconstruction.last"] = torch.rand(16)


def cut_one(ranges):
    ranges["reconstruction.conv"] = ranges["reconstruction.conv"][:3]


def spoil_one(ranges):
    ranges["reconstruction.conv"][0] = math.inf


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (add_one, "its ranges are not those of its configuration, such as 'reconstruction.last'"),
        (cut_one, "the ranges of 'reconstruction.conv' must be 16 non-negative values"),
        (spoil_one, "the ranges of 'reconstruction.conv' must be 16 non-negative values"),
    ],
)
def test_ranges_that_do_not_fit(network, tmp_path, change, words):
    ranges = {name: torch.rand(size) for name, size in expected_ranges(network).items()}
    change(ranges)
    network.ranges = ranges
    save_model(network, tmp_path / "a.safetensors")
    with pytest.raises(MediaError, match=words):
        load_model(tmp_path / "a.safetensors")


def test_weights_are_channels_last(saved):
    assert load_model(saved).reconstruction.fuse.weight.is_contiguous(memory_format=torch.channels_last)


def test_the_hash_is_of_the_content(network, saved, tmp_path):
    again = tmp_path / "again.safetensors"
    again.write_bytes(saved.read_bytes())
    other = tmp_path / "other.safetensors"
    save_model(TCNet(TINY), other)
    assert len(weights_hash(saved)) == 12
    assert weights_hash(saved) == weights_hash(again) != weights_hash(other)
    assert weights_hash("tcnet-bi") != weights_hash("tcnet-bd")


@pytest.mark.parametrize("keep", [0, 4, 100, 50000])
def test_damaged_files(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(MediaError, match=r"tiny\.safetensors: not a readable safetensors file"):
        load_model(saved)


def first(tensors):
    return min(key for key, value in tensors.items() if value.dim() == 4)


def drop(tensors):
    del tensors[first(tensors)]


def add(tensors):
    tensors["surplus"] = torch.zeros(1)


def cut(tensors):
    tensors[first(tensors)] = tensors[first(tensors)][:, :1].contiguous()


def spoil(tensors):
    tensors[first(tensors)].view(-1)[0] = math.nan


@pytest.mark.parametrize(
    ("change", "words"),
    [(drop, "its tensors are not those"), (add, "'surplus'"), (cut, "has the shape"), (spoil, "not finite")],
)
def test_tensors_that_do_not_fit(saved, change, words):
    with pytest.raises(MediaError, match=words):
        load_model(rewrite(saved, change))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"format": "tcnet-99"}, "holds no TCNet configuration"),
        ({"config": "{"}, "its configuration"),
        ({"config": "[]"}, "its configuration"),
        ({"config": '{"colour": 3}'}, "its configuration"),
        ({"config": '{"channels": "many"}'}, "its configuration"),
        ({"config": '{"channels": 7}'}, "channels must be a positive multiple of 8, got 7"),
        ({"config": '{"alignment_window": 0}'}, "its configuration|its tensors"),
    ],
)
def test_configurations_that_cannot_be(saved, metadata, words):
    with pytest.raises(MediaError, match=words):
        load_model(rewrite(saved, **metadata))


def test_nothing_but_data_is_ever_read(tmp_path):
    """A pickle by the name of a weight file is refused, not run."""
    path = tmp_path / "evil.safetensors"
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(MediaError, match="not a readable safetensors file"):
        load_model(path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channels", 2**20), ("channels", 8 * 10**17), ("channels", 1024), ("channels", 16.0),
        ("propagation_blocks", 10**7), ("propagation_blocks", 1000), ("propagation_blocks", -3),
        ("propagation_blocks", True), ("matching_depth", 10**6), ("matching_depth", 900),
        ("alignment_window", 10**6), ("alignment_patch", 10**5), ("matching_window", 0), ("matching_pool", 0), ("stability_stride", 10**6),
        ("group_size", 0), ("fusion_width", 10**6), ("fusion_levels", 10**6), ("short_term", 3),
        ("coarse_fusion", 1), ("motion", "huge"),
    ],
)  # fmt: skip
def test_absurd_configurations_are_refused_before_a_network_is_built_of_them(
    saved, monkeypatch, field, value
):
    config = json.dumps({**dataclasses.asdict(TINY), field: value})
    path = rewrite(saved, config=config)
    monkeypatch.setattr("tcnet.models.TCNet", lambda config: pytest.fail("built"))
    with pytest.raises(MediaError, match="its configuration is not of this version of tcnet") as caught:
        load_model(path)
    assert "\n" not in str(caught.value)


def header_of(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("shape", [2**40, 2**40]), ("shape", [-1, 3]), ("shape", [10**30]), ("data_offsets", [0, 2**62]),
        ("data_offsets", [100, 0]), ("dtype", "F99"), ("dtype", "I8"),
    ],
)  # fmt: skip
def test_headers_that_lie_give_one_line(saved, field, value):
    header, body = header_of(saved)
    header[next(key for key in header if key != "__metadata__")][field] = value
    text = json.dumps(header).encode()
    saved.write_bytes(struct.pack("<Q", len(text)) + text + body)
    with pytest.raises(MediaError, match="not a readable safetensors file") as caught:
        load_model(saved)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("length", [2**63 - 1, 99_000_000, 0])
def test_a_header_of_an_absurd_length(saved, length):
    saved.write_bytes(struct.pack("<Q", length) + saved.read_bytes()[8:])
    with pytest.raises(MediaError, match="not a readable safetensors file"):
        load_model(saved)


@pytest.fixture
def saved_clean_up(tmp_path):
    save_clean_up(make_clean_up(), tmp_path / "own.safetensors")
    return tmp_path / "own.safetensors"


def rewrite_clean_up(path, change=None, **metadata):
    stored = {"format": CLEAN_UP_FORMAT, "config": json.dumps(dataclasses.asdict(TINY_CLEAN_UP))}
    return rewrite(path, change, **stored | metadata)


def same(first, second):
    others = second.state_dict()
    return all(torch.equal(value, others[name]) for name, value in first.state_dict().items())


def test_a_clean_up_that_is_saved_is_what_is_loaded(saved_clean_up):
    loaded = load_clean_up(saved_clean_up)
    assert loaded.config == TINY_CLEAN_UP
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    assert same(loaded, make_clean_up().half().float())
    assert {tensor.dtype for tensor in load_file(saved_clean_up).values()} == {torch.float16}


def test_a_models_file_is_the_same_with_and_without_a_clean_up(tmp_path):
    network = make_pair()[0]
    paths = [tmp_path / f"{name}.safetensors" for name in ("plain", "cleaning")]
    save_model(network, paths[0])
    save_model(with_clean_up(network), paths[1])
    tensors = [load_file(path) for path in paths]
    assert tensors[0].keys() == tensors[1].keys()
    assert all(torch.equal(value, tensors[1][key]) for key, value in tensors[0].items())
    loaded = load_model(paths[1])
    assert (loaded.denoise, loaded.clean_up) == (0.0, None)
    # And in the form of the hub.
    model = write_denoise_models(tmp_path)
    load_model(model, denoise=1).save_pretrained(tmp_path / "folder", dtype=torch.float32)
    assert same(PretrainedTCNet.from_pretrained(tmp_path / "folder"), load_model(model, denoise=0))


def test_the_packages_clean_up_is_there_and_is_no_model():
    path = weights_folder() / CLEAN_UP_NAME
    assert path.stem not in NAMES
    assert isinstance(load_clean_up(path), CleanUp)
    with pytest.raises(MediaError, match="holds no TCNet configuration"):
        load_model(path)


def test_files_of_something_else_are_no_clean_ups(saved_clean_up, tmp_path):
    with pytest.raises(MediaError, match=r"tcnet-lite\.safetensors: holds no clean-up; is it a file"):
        load_clean_up(weights_path("tcnet-lite"))
    with pytest.raises(MediaError, match=r"gone\.safetensors: not a readable safetensors file"):
        load_clean_up(tmp_path / "gone.safetensors")
    torch.save({"a": torch.zeros(1)}, saved_clean_up)
    with pytest.raises(MediaError, match="not a readable safetensors file"):
        load_clean_up(saved_clean_up)


@pytest.mark.parametrize("keep", [0, 4, 100, 3000])
def test_damaged_clean_ups(saved_clean_up, keep):
    saved_clean_up.write_bytes(saved_clean_up.read_bytes()[:keep])
    with pytest.raises(MediaError, match=r"own\.safetensors: not a readable safetensors file"):
        load_clean_up(saved_clean_up)


@pytest.mark.parametrize(
    ("change", "words"),
    [(drop, "its tensors are not those"), (add, "'surplus'"), (cut, "has the shape"), (spoil, "not finite")],
)
def test_tensors_that_do_not_fit_a_clean_up(saved_clean_up, change, words):
    with pytest.raises(MediaError, match=words):
        load_clean_up(rewrite_clean_up(saved_clean_up, change))


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"format": "tcnet-clean-up-99"}, "holds no clean-up"),
        ({"config": "{"}, "its configuration is not JSON"),
        ({"config": "[]"}, "not a JSON object"),
        ({"config": '{"colour": 3}'}, "not of this version of tcnet"),
        ({"config": '{"channels": "many"}'}, "not of this version of tcnet"),
        ({"config": '{"channels": 7}'}, "channels must be a positive multiple of 8, got 7"),
        ({"config": '{"channels": 8.0}'}, r"channels is 8\.0"),
        ({"config": '{"blocks": true}'}, "blocks is True"),
        ({"config": '{"channels": 1048576}'}, "channels is 1048576, not 0 to 1024"),
        ({"config": '{"blocks": 1000000}'}, "blocks is 1000000, not 0 to 1024"),
        ({"config": '{"channels": 1024, "blocks": 1024}'}, r"it needs over \d+ weights, the file has \d+"),
    ],
)
def test_clean_ups_that_cannot_be_are_refused_before_memory_is_taken_for_them(
    saved_clean_up, monkeypatch, metadata, words
):
    path = rewrite_clean_up(saved_clean_up, **metadata)
    monkeypatch.setattr("tcnet.models.CleanUp", lambda config: pytest.fail("built"))
    with pytest.raises(MediaError, match=words) as caught:
        load_clean_up(path)
    assert "\n" not in str(caught.value)
