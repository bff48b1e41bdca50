"""The network of the paper: tensors in, tensors out. Knows nothing of files, devices, tiles or weights."""

from tcnet.network.recurrence import StreamState
from tcnet.network.tcnet import CONFIGS, TCNet, TCNetConfig

__all__ = ["CONFIGS", "StreamState", "TCNet", "TCNetConfig"]
