"""`tcnet upscale`: inputs to tasks, tasks to runs, what is printed meanwhile."""

from tcnet.cli.upscale.command import upscale

__all__ = ["upscale"]
