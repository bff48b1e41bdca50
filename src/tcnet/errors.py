"""The errors that are meant for people.

Each message is one line: what is wrong, with which value, and what to do. The command line prints it as it
is and ends with `exit_code`; everything else that escapes is a defect of ours.
"""


class TcnetError(Exception):
    """Base of all errors that a user can cause and understand."""

    exit_code = 1


class UsageError(TcnetError, ValueError):
    """An option or argument that cannot be: unknown model, unknown codec, contradicting sizes."""

    exit_code = 2


class MediaError(TcnetError):
    """A file or folder that cannot be read, decoded, written or that must not be overwritten."""
