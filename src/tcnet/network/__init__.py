"""The network of the paper: tensors in, tensors out. Knows nothing of files, devices, tiles or weights."""

from tcnet.network.tcnet import CONFIGS, StreamState, TCNet, TCNetConfig

__all__ = ["CONFIGS", "StreamState", "TCNet", "TCNetConfig"]
