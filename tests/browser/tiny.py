"""Weights and videos so small that a job takes seconds."""

from dataclasses import replace

import numpy as np
import torch

from fake_networks import make_frames, make_info, make_scenes
from tcnet.models import save_model
from tcnet.network import TCNet, TCNetConfig
from tcnet.video import EncodeOptions, open_sink

LOSSLESS = EncodeOptions(codec="ffv1", pixel_format="bgr0")


def write_weights(path):
    torch.manual_seed(0)
    config = TCNetConfig(channels=16, propagation_blocks=1, refinement_blocks=1, fusion_width=8)
    save_model(TCNet(config), path)


def write_clip(path, *, frames, height, width):
    """One scene that moves by a pixel a frame."""
    _write(path, make_scenes(frames, height=height, width=width), frames, height, width)


def write_noise(path, *, frames, height, width):
    """About 3 bytes a pixel: noise cannot be compressed."""
    _write(path, make_frames(frames, height, width), frames, height, width)


def write_counted(path, *, frames, height, width):
    """H.264, which browsers play. Frame n is of one grey, 5n + 20: at most 46 of them."""
    pictures = make_frames(frames, height, width)
    pictures = [replace(one, pixels=np.full_like(one.pixels, 5 * n + 20)) for n, one in enumerate(pictures)]
    _write(path, pictures, frames, height, width, EncodeOptions(codec="h264"))


def _write(path, pictures, count, height, width, options=LOSSLESS):
    sink = open_sink(path, info=make_info(count, height, width), options=options)
    for picture in pictures:
        sink.write(picture)
    sink.finish()
