"""Fit the model of photographs that the metric NIQE compares with (src/tcnet/evaluation/metrics/niqe.npz).

    python scripts/fit_niqe.py ../shared/data/photos

Only photographs of the training data; nothing that is evaluated on. Each is shrunk by SHRINK, which takes
away what JPEG and demosaicing left.
"""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

import tcnet.evaluation.metrics.niqe as niqe
from tcnet.data.degradation import imresize, to_8bit
from tcnet.evaluation.metrics.fidelity import rgb_to_y
from tcnet.video.images import list_images, read_image

SHRINK = Fraction(1, 2)


def main() -> None:
    torch.set_num_threads(1)
    lumas = []
    for path in list_images(Path(sys.argv[1])):
        codes = torch.from_numpy(read_image(path)).permute(2, 0, 1)
        lumas.append(rgb_to_y(to_8bit(imresize(codes.double() / 255, SHRINK)))[0])
    model = niqe.fit(lumas)
    path = Path(niqe.__file__).with_name(niqe.MODEL_NAME)
    np.savez(
        path,
        mean=model.mean.numpy(),
        covariance=model.covariance.numpy(),
        photographs=np.int64(model.photographs),
    )
    print(f"{path}: {model.photographs} photographs, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
