"""Pictures with the statistics of photographs."""

import numpy as np


def natural(height, width, seed=0):
    """(H, W) whose power falls with the square of the frequency, as that of photographs: uint8."""
    random = np.random.default_rng(seed)
    across, down = np.fft.rfftfreq(width), np.fft.fftfreq(height)
    frequency = np.hypot(across[None, :], down[:, None])
    frequency[0, 0] = 1
    spectrum = np.fft.rfft2(random.standard_normal((height, width))) / frequency
    picture = np.fft.irfft2(spectrum, (height, width))
    return np.clip(128 + 40 * picture / picture.std(), 16, 235).round().astype(np.uint8)
