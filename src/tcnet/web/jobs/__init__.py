"""Upscaling jobs of the page: stored, queued, run as child processes, shown while they run."""
