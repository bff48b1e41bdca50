"""Build the sdist and the wheel of the last commit, into dist/: what `make dist` runs.

    python scripts/make_dist.py [--out dist]

Reproducible: both are built twice, each time from a new export of the commit, and must be equal byte by byte.
Their times are the commit's (SOURCE_DATE_EPOCH). setuptools writes clock, owner and umask into an sdist, so
it is packed again. The wheel is made from the sdist. Another version of zlib may compress to other bytes.
"""

import argparse
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKED = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "src")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist")
    out: Path = parser.parse_args().out
    if changed := git("status", "--porcelain", "--", *PACKED):
        print(f"error: not committed, so not in the release: {changed.splitlines()[0]}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        first, second = (build(Path(name) / turn) for turn in ("first", "second"))
        if different := [
            one.name for one, two in zip(first, second, strict=True) if hash_of(one) != hash_of(two)
        ]:
            print(f"error: built twice, and not the same: {', '.join(different)}", file=sys.stderr)
            return 1
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *first], check=True)
        out.mkdir(exist_ok=True)
        for old in (*out.glob("tcnet-*.whl"), *out.glob("tcnet-*.tar.gz")):
            old.unlink()
        for file in first:
            print(f"{hash_of(file)}  {shutil.copy(file, out)}  {file.stat().st_size / 2**20:.1f} MiB")
    return 0


def build(folder: Path) -> list[Path]:
    """The sdist and the wheel of the last commit, in that order."""
    source, built = folder / "source", folder / "built"
    source.mkdir(parents=True)
    git("archive", f"--output={folder / 'commit.tar'}", "HEAD", "--", *PACKED)
    with tarfile.open(folder / "commit.tar") as archive:
        archive.extractall(source, filter="data")
    seconds = int(git("log", "-1", "--format=%ct"))
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", built, source]
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, umask=0o022,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(seconds)},
    )  # fmt: skip
    [sdist], [wheel] = built.glob("*.tar.gz"), built.glob("*.whl")
    pack_again(sdist, seconds)
    return [sdist, wheel]


def pack_again(sdist: Path, seconds: int) -> None:
    """The same files, without what depends on who packed them, when and where."""
    with tarfile.open(sdist) as archive:
        files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        contents = {name: file.read() for name, file in sorted(files.items()) if file is not None}
    with (
        gzip.GzipFile(sdist, "wb", mtime=seconds) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, content in contents.items():
            member = tarfile.TarInfo(name)  # owned by no one, readable by all
            member.size, member.mtime = len(content), seconds
            archive.addfile(member, io.BytesIO(content))


def git(*words: str) -> str:
    return subprocess.run(
        ["git", "-C", ROOT, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def hash_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


if __name__ == "__main__":
    sys.exit(main())
