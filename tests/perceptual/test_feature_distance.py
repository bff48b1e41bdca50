import pytest
import torch
import torch.nn.functional as F
from skimage import data as photographs

from tcnet.errors import MediaError
from tcnet.perceptual.efficientnet import SamePaddedConv, load_efficientnet
from tcnet.perceptual.feature_distance import FeatureDistance


@pytest.fixture(scope="module")
def network():
    return load_efficientnet()


def picture(pixels, side):
    """The middle of a photograph, (1, 3, side, side) in [0, 1]."""
    image = torch.from_numpy(pixels[..., :3].copy()).permute(2, 0, 1).unsqueeze(0).float() / 255
    shorter = min(image.shape[-2:])
    top, left = ((length - shorter) // 2 for length in image.shape[-2:])
    image = image[..., top : top + shorter, left : left + shorter]
    return F.interpolate(image, size=(side, side), mode="bilinear", antialias=True, align_corners=False)


def test_a_cat_is_a_cat(network):
    best = network(picture(photographs.cat(), 224)).softmax(1)[0].topk(3)
    assert {281, 282, 285} & set(best.indices.tolist())  # tabby, tiger cat, Egyptian cat
    assert best.values.sum() > 0.5


def test_sizes_and_channels_are_the_published_ones(network):
    shapes = [tuple(layer.shape[1:]) for layer in network.outputs(torch.rand(1, 3, 224, 224), 16)]
    ends = [shapes[number] for number in (0, 1, 3, 5, 8, 11, 15, 16)]
    widths, sides = (32, 16, 24, 40, 80, 112, 192, 320), (112, 112, 56, 28, 14, 14, 7, 7)
    assert ends == [(width, side, side) for width, side in zip(widths, sides, strict=True)]


@pytest.mark.parametrize(("side", "first"), [(8, 0), (7, 1)])
def test_the_odd_pixel_of_padding_is_at_the_end(side, first):
    conv = SamePaddedConv(1, 1, 3, 2, bias=False)
    conv.weight.data.zero_()
    conv.weight.data[0, 0, 0, 0] = 1.0  # what is at the window's corner
    found = conv(torch.arange(side * side, dtype=torch.float32).view(1, 1, side, side) + 1)
    assert found.shape[-1] == (side + 1) // 2
    assert (found[0, 0, 0, 0] == 0) == bool(first)


@pytest.fixture(scope="module")
def cat():
    return picture(photographs.cat(), 96)


def test_equal_pictures_have_no_distance_and_it_grows_with_blur_and_noise(network, cat):
    distance = FeatureDistance(network)
    noise = torch.randn(cat.shape, generator=torch.Generator().manual_seed(0))
    blurred = [F.interpolate(F.avg_pool2d(cat, by), scale_factor=by, mode="bicubic") for by in (2, 4, 8)]
    noisy = [cat + sigma * noise for sigma in (0.01, 0.03, 0.1)]
    assert distance(cat, cat).item() == 0
    for row in (blurred, noisy):
        figures = [distance(changed, cat).item() for changed in row]
        assert 0.05 < figures[0] < figures[1] < figures[2] < 1.5


def test_the_mean_over_frames_counts_each_the_same_and_gradients_lead_to_the_truth(network, cat):
    distance = FeatureDistance(network)
    dark, blurred = cat / 8, F.avg_pool2d(cat, 3, 1, 1)
    clip, truth = torch.stack((blurred, blurred / 8), 1), torch.stack((cat, dark), 1)  # (1, 2, 3, H, W)
    alone = [distance(clip[:, index], truth[:, index]).item() for index in (0, 1)]
    assert distance(clip, truth).item() == pytest.approx(sum(alone) / 2, rel=1e-4)
    moved = blurred.clone().requires_grad_(True)
    before = distance(moved, cat)
    before.backward()
    step = 1e-3 * moved.grad / moved.grad.abs().mean()
    assert distance(blurred - step, cat) < before
    assert not any(parameter.requires_grad for parameter in distance.parameters())


def test_other_shapes_and_other_files_are_refused(network, tmp_path):
    distance = FeatureDistance(network)
    for first, second in (((1, 3, 8, 32), (1, 3, 8, 32)), ((1, 3, 32, 32), (2, 3, 32, 32))):
        with pytest.raises(ValueError, match="at least 16"):
            distance(torch.rand(first), torch.rand(second))
    (tmp_path / "a.pth").write_bytes(b"junk")
    with pytest.raises(MediaError, match=r"a\.pth: not the weights of EfficientNet-Lite0"):
        load_efficientnet(tmp_path / "a.pth")


def test_texture_may_lie_elsewhere_but_not_be_missing(network):
    sand = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    other = torch.rand(1, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    distance = FeatureDistance(network)
    features, texture = distance.with_texture(other, sand)
    assert features == distance(other, sand)
    missing_features, missing = distance.with_texture(F.avg_pool2d(sand, 5, 1, 2), sand)
    assert texture < 0.3 < missing
    assert texture < features / 2
    assert missing_features > 0.3
    assert distance.with_texture(sand, sand)[1].item() == 0
