"""The machine that a process runs on: what it is, what limits it, and how this process uses it."""
