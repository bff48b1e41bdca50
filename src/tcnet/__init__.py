"""TCNet: video super-resolution x4 that does not flicker."""

from tcnet.version import __version__

__all__ = ["__version__"]
