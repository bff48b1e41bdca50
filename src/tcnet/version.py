"""The package's version, read by the build and written into weights, reports and output files."""

__version__ = "0.3.0.dev0"
