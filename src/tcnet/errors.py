"""Errors that users can cause and understand.

Each message is one line: what is wrong, with which value, and what to do. The command line prints it as it
is and exits with `exit_code`; any other exception is a defect of tcnet.
"""


class TcnetError(Exception):
    """Base of all errors that a user can cause and understand."""

    exit_code = 1


class UsageError(TcnetError, ValueError):
    """An invalid option or argument: unknown model, unknown codec, contradictory sizes."""

    exit_code = 2


class MediaError(TcnetError):
    """A file or folder that cannot be read, decoded or written, or must not be overwritten."""


def not_installed(what: str, extra: str) -> UsageError:
    """The error where an optional package is missing. extra: of pyproject.toml, which installs it."""
    return UsageError(f"{what} is not installed: pip install '.[{extra}]' in a checkout of tcnet")


def describe_failure(error: Exception) -> str:
    """One line on an error that nobody foresaw: the system's, or a defect of ours."""
    if isinstance(error, MemoryError):
        return "out of memory: close other programs, or give a smaller --memory-limit"
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename is not None else ""
        return f"{place}{error.strerror} (the system's answer; --debug shows where)"
    return f"{type(error).__name__}: {error} (a defect of tcnet; --debug shows where)"
