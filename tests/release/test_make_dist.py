"""scripts/make_dist.py: an sdist does not show who packed it, when and where."""

import importlib.util
import io
import tarfile
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_dist.py"


def load_script():
    spec = importlib.util.spec_from_file_location("make_dist", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def pack(path, names, **how):
    """As setuptools does: with owner, clock and mode of the moment."""
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(f"tcnet-1.0/{name}")
            member.size = len(name)
            for key, value in how.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(name.encode()))


def test_an_sdist_packed_again_depends_on_its_files_alone(tmp_path):
    script = load_script()
    one, two, other = (tmp_path / folder / "tcnet-1.0.tar.gz" for folder in ("one", "two", "other"))
    for path, names, how in (
        (one, "abc", {"mtime": 10**9, "uid": 1000, "uname": "me", "mode": 0o600}),
        (two, "cba", {"mtime": 2 * 10**9, "uid": 0, "uname": "root", "mode": 0o664}),
        (other, "abd", {"mtime": 10**9}),
    ):
        path.parent.mkdir()
        pack(path, names, **how)
        script.pack_again(path, 1_700_000_000)
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()
    with tarfile.open(one) as archive:
        for member, name in zip(archive, "abc", strict=True):
            assert (member.name, member.mtime) == (f"tcnet-1.0/{name}", 1_700_000_000)
            assert archive.extractfile(member).read() == name.encode()


def test_all_that_it_packs_is_there():
    assert all((SCRIPT.parents[1] / name).exists() for name in load_script().PACKED)
