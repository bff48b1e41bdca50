"""A network between two of one architecture: its weights are a weighted mean of theirs.

Wang et al., "ESRGAN", ECCV 2018, section 3.4: of a network trained for fidelity and one trained on from it to
look right, what lies between goes from one look to the other without artefacts of its own.
"""

from dataclasses import asdict

import torch

from tcnet.network.tcnet import TCNet


def interpolate(first: TCNet, second: TCNet, share: float) -> None:
    """Make `second` the network at `share` of the way from `first` (0) to itself (1), exact at both ends.

    A share over 1 goes beyond it. The ranges for 8-bit integers are interpolated too, where both have them,
    and do as well as measured ones (tests/network/test_interpolation.py). Both in float32 on one device.

    Raises ValueError for different configurations, with what differs, and for a share under 0.
    """
    if share < 0:
        raise ValueError(f"the share is {share}, it must be at least 0")
    ours, theirs = asdict(first.config), asdict(second.config)
    if different := [
        f"{name} is {theirs[name]!r}, not {ours[name]!r}" for name in ours if ours[name] != theirs[name]
    ]:
        raise ValueError("; ".join(different))
    others = second.state_dict()
    second.load_state_dict(
        {name: torch.lerp(weights, others[name], share) for name, weights in first.state_dict().items()}
    )
    second.ranges = {
        name: torch.lerp(largest, second.ranges[name], share).clamp(min=0)
        for name, largest in first.ranges.items()
        if name in second.ranges
    }
