"""A configuration to begin with, for clips of one's own."""

from importlib import resources
from pathlib import Path

from tcnet.errors import MediaError


def new_config_text() -> str:
    """TOML with comments; as configs/own-clips.toml."""
    return (resources.files("tcnet") / "training" / "own_clips.toml").read_text(encoding="utf-8")


def write_new_config(path: Path) -> None:
    """Raises MediaError for a file that is there already or cannot be written."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(new_config_text())
    except FileExistsError as error:
        raise MediaError(f"{path}: is there already; choose another name") from error
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); choose another place") from error
