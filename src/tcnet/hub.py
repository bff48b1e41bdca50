"""Where pretrained weights lie: a folder, the package, or a repository of the Hugging Face hub.

A folder holds config.json and model.safetensors, as on the hub. The hub is asked only for names like
"organisation/name", and only where huggingface_hub is installed; tcnet does not depend on it.
"""

import re
from pathlib import Path

from tcnet.catalogue import NAMES, WEIGHTS_NAME
from tcnet.errors import MediaError, UsageError

CONFIG_NAME = "config.json"
_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def find_pretrained(name: str | Path, revision: str | None = None) -> str | Path:
    """What `load_model` takes, for a folder, a model's name, a weight file or a repository of the hub.

    The first of these that there is.

    Raises UsageError for an unknown name, MediaError for a folder or repository without weights.
    """
    if Path(name).is_dir():
        return _weights(Path(name))
    text = str(name)
    if isinstance(name, Path) or text in NAMES or text.endswith(".safetensors"):
        return name
    if _REPOSITORY.fullmatch(text):
        return _weights(_download(text, revision))
    raise UsageError(
        f"no folder and no model is called {text!r}; the models are {', '.join(NAMES)}, and repositories of "
        'the hub are written "organisation/name"'
    )


def _weights(folder: Path) -> Path:
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise MediaError(f"{folder}: holds no {WEIGHTS_NAME}; give a folder that save_pretrained wrote")
    return path


def _download(repository: str, revision: str | None) -> Path:
    """The folder to which the hub's own library downloads, or where it has done so before."""
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise UsageError(
            f"there is no folder {repository!r}; to look for it on the hub, huggingface_hub is needed: "
            "pip install '.[hub]' in a checkout of tcnet"
        ) from error
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=[CONFIG_NAME, WEIGHTS_NAME]
        )  # fmt: skip
    except (OSError, ValueError) as error:  # those of huggingface_hub are of these kinds
        reason = " ".join(str(error).split())
        raise MediaError(f"{repository}: cannot be read from the hub ({reason})") from error
    return Path(folder)
