"""What the limits of control groups leave: of containers, services and sessions, of versions 1 and 2.

A limit holds for all groups below, so that those of every ancestor count, each with what its whole tree uses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED = 2**60
"""Version 1 has no word for "no limit": it gives the largest number of whole pages."""


@dataclass(frozen=True, slots=True)
class _Names:
    """Files of a group. cache: lines of memory.stat, the first that is there counts."""

    limits: tuple[str, ...]
    used: str
    cache: tuple[str, ...]


_VERSION_2 = _Names(("memory.max", "memory.high"), "memory.current", ("inactive_file",))
_VERSION_1 = _Names(
    ("memory.limit_in_bytes",), "memory.usage_in_bytes", ("total_inactive_file", "inactive_file")
)


def memory_left_by_limits(root: Path = Path("/")) -> int | None:
    """Bytes that this process may still take; None without a limit. root: where /proc and /sys are.

    The page cache that was not used lately can be given back and counts as free.
    """
    left = [value for group, names in _groups(root) for value in _left(group, names)]
    return min(left) if left else None


def _groups(root: Path) -> Iterator[tuple[Path, _Names]]:
    """Each group that this process is in, with its ancestors as far as they can be seen."""
    own = _own_paths(root / "proc/self/cgroup")
    for place, visible_root, names in _mounts(root):
        path = own.get("memory" if names is _VERSION_1 else "", "/")
        # In a container the mount begins below the root that the path counts from.
        inner = path[len(visible_root) :] if _is_below(path, visible_root) else ""
        group = place / inner.strip("/")
        while True:
            yield group, names
            if group == place or place not in group.parents:
                break
            group = group.parent


def _own_paths(file: Path) -> dict[str, str]:
    """The group of this process by controller; version 2 has one for all, under the empty name."""
    found: dict[str, str] = {}
    for line in _lines(file):
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        found |= dict.fromkeys(controllers.split(","), path)
    return found


def _mounts(root: Path) -> Iterator[tuple[Path, str, _Names]]:
    """(where it is mounted, which group that shows, its version) of what can limit memory."""
    found = False
    for line in _lines(root / "proc/self/mountinfo"):
        before, _, after = line.partition(" - ")
        mount, kind = before.split(), after.split()
        if len(mount) < 5 or len(kind) < 3:
            continue
        names = _VERSION_2 if kind[0] == "cgroup2" else _VERSION_1
        if kind[0] == "cgroup2" or (kind[0] == "cgroup" and "memory" in kind[2].split(",")):
            found = True
            yield root / _unescaped(mount[4]).lstrip("/"), _unescaped(mount[3]), names
    if not found:
        yield root / "sys/fs/cgroup", "/", _VERSION_2


def _left(group: Path, names: _Names) -> Iterator[int]:
    used = _number(group / names.used)
    if used is None:
        return
    statistics = dict(line.partition(" ")[::2] for line in _lines(group / "memory.stat"))
    cache = next((int(statistics[name]) for name in names.cache if name in statistics), 0)
    limits = [_number(group / name) for name in names.limits]
    # Also of ancestors that cannot be seen.
    if "hierarchical_memory_limit" in statistics:
        limits.append(int(statistics["hierarchical_memory_limit"]))
    for limit in limits:
        if limit is not None and limit < _UNLIMITED:
            yield max(0, limit - max(0, used - cache))


def _is_below(path: str, folder: str) -> bool:
    return ".." not in path and (path == folder or path.startswith(f"{folder.rstrip('/')}/"))


def _number(file: Path) -> int | None:
    text = "".join(_lines(file)).strip()
    return int(text) if text.isdecimal() else None


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []  # a group that is gone by now, or may not be looked at


def _unescaped(text: str) -> str:
    """Spaces and the like are written as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
