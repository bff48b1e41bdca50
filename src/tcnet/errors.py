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
