import pytest
import torch
import torch.nn.functional as F

from tcnet.network.reconstruction import DirectReconstruction, Reconstruction, quad_kernel, shuffle2


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("height", [16, 23, 45])
@pytest.mark.parametrize("rows", [4, 5, 7, 16])
@pytest.mark.parametrize("widths", [(), (12, 8)])
def test_strips_are_bit_identical_to_the_whole_frame(dtype, height, rows, widths):
    tail = Reconstruction(16, *widths).eval().to(dtype, memory_format=torch.channels_last)
    first, second = (torch.randn(1, 16, height, 37).to(dtype) for _ in range(2))
    frame = torch.rand(1, 3, height, 37)
    whole = tail(first, second, frame, strip_rows=height)
    assert torch.equal(tail(first, second, frame, strip_rows=rows), whole)


@torch.inference_mode()
def test_the_chosen_strips_are_bit_identical_too():
    tail = Reconstruction(64).eval().to(torch.bfloat16, memory_format=torch.channels_last)
    first, second = (torch.randn(1, 64, 180, 320).to(torch.bfloat16) for _ in range(2))
    frame = torch.rand(1, 3, 180, 320)
    assert torch.equal(tail(first, second, frame), tail(first, second, frame, strip_rows=180))


@torch.inference_mode()
def test_without_detail_it_is_bilinear():
    tail = Reconstruction(16).eval()
    tail.last.weight.zero_()
    tail.last.bias.zero_()
    frame = torch.rand(2, 3, 16, 18)
    expected = F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False)
    picture = tail(torch.randn(2, 16, 16, 18), torch.randn(2, 16, 16, 18), frame)
    torch.testing.assert_close(picture, expected, atol=1e-6, rtol=0)


def test_shuffle_is_pixel_shuffle_in_another_order_of_channels():
    x = torch.randn(2, 12, 5, 7)
    reordered = x.unflatten(1, (4, 3)).transpose(1, 2).flatten(1, 2)  # (row, column, C) -> (C, row, column)
    assert torch.equal(shuffle2(x), F.pixel_shuffle(reordered, 2))


def test_the_quad_kernel_gives_the_convolution_of_the_small_one():
    kernel, bias = torch.randn(3, 8, 3, 3), torch.randn(3)
    x = torch.randn(1, 8, 10, 12)
    quads = F.conv2d(x, quad_kernel(kernel), bias.repeat(4), stride=2, padding=1)
    torch.testing.assert_close(shuffle2(quads), F.conv2d(x, kernel, bias, padding=1), atol=1e-5, rtol=1e-5)


def test_the_direct_tail_keeps_float32_under_autocast():
    tail = DirectReconstruction(16)
    torch.nn.init.zeros_(tail.last.weight)
    torch.nn.init.zeros_(tail.last.bias)
    frame = torch.rand(1, 3, 16, 18)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        picture = tail(torch.randn(1, 16, 16, 18), torch.randn(1, 16, 16, 18), frame)
    expected = F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False)
    torch.testing.assert_close(picture, expected, atol=1e-6, rtol=0)


@torch.inference_mode()
def test_the_direct_tail_adds_its_detail_to_the_bilinear_base():
    tail = DirectReconstruction(16).eval()
    torch.nn.init.zeros_(tail.last.weight)
    codes = torch.arange(48.0)
    tail.last.bias.data = codes
    frame = torch.rand(1, 3, 16, 18)
    detail = tail(torch.randn(1, 16, 16, 18), torch.randn(1, 16, 16, 18), frame)
    detail -= F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False)
    expected = codes.view(4, 4, 3).permute(2, 0, 1).repeat(1, 16, 18)  # (row, column, C) in each LR pixel
    torch.testing.assert_close(detail[0], expected, atol=1e-5, rtol=0)
