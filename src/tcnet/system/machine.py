"""The machine's identity, and where a user's settings and measurements of it are kept."""

import os
import platform
from pathlib import Path

CPU_FLAGS = ("amx_bf16", "amx_int8", "avx512_bf16", "avx512_vnni", "avx512f", "avx2")


def machine() -> str:
    """Identifies the machine that a measurement is valid for."""
    return f"{processor()}, {os.cpu_count()} cores"


def processor() -> str:
    """The processor's name and the features that matter here."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields: dict[str, str] = {}
    for line in info.read_text().splitlines():
        key, _, value = line.partition(":")
        fields[key.strip()] = value.strip()
    flags = fields.get("flags", "").split()
    known = [flag for flag in CPU_FLAGS if flag in flags]
    return (
        f"{fields.get('model name', platform.machine())} ({', '.join(known) or 'no vector extension known'})"
    )


def settings_folder() -> Path:
    """The user's settings folder."""
    import typer  # here: only measurements need it

    return Path(typer.get_app_dir("tcnet"))


def replace_settings(path: Path, text: str) -> None:
    """Write a file of `settings_folder` in one step. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    work = path.with_name(f".{path.name}.{os.getpid()}.part")
    work.write_text(text, encoding="utf-8")
    work.replace(path)
