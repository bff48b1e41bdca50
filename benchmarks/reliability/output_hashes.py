"""Whether two versions of the program give the same outputs, bit for bit: the zoo's files and a real clip.

    python benchmarks/reliability/output_hashes.py record before.json --inputs zoo/    # with the one version
    python benchmarks/reliability/output_hashes.py record after.json --inputs zoo/     # with the other
    python benchmarks/reliability/output_hashes.py compare before.json after.json

For each output: hashes of the decoded pictures, of their times, and of the packets and times of each other
stream. The zoo is enlarged by nearest neighbour; the clip by tcnet-lite in float32, on one thread. The zoo's
files are built in `--inputs`, and the second version takes them from there: so both have the same ones, even
where the zoo has changed in between.
"""

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import av

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))


def record(target: Path, clip: Path, inputs: Path) -> None:
    from tcnet import upscale_video
    from zoo.checks.run import OPTIONS, upscale_beside
    from zoo.files.builder import build
    from zoo.files.catalogue import ZOO

    inputs.mkdir(parents=True, exist_ok=True)
    import torch  # after tcnet, which sets how its threads wait

    torch.set_num_threads(1)
    found = {}
    for specimen in ZOO:
        source = inputs / specimen.file_name.rstrip("/")
        if not source.exists():
            build(specimen, inputs)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / source.name
            shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
            found[specimen.file_name] = hashes(upscale_beside(specimen, copy).output)
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out.mkv"
        upscale_video(clip, output, model="tcnet-lite", options=OPTIONS)
        found[clip.name] = hashes(output)
    target.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")
    print(f"{len(found)} outputs")


def hashes(output: Path) -> dict[str, str]:
    """Of a video file, or of a folder of images."""
    if output.is_dir():
        return {path.name: _digest([path.read_bytes()]) for path in sorted(output.iterdir())}
    found: dict[str, list[bytes]] = {}
    with av.open(str(output)) as container:
        for packet in container.demux():
            stream = packet.stream
            times = found.setdefault(f"times of {stream.type} {stream.index}", [])
            if stream is container.streams.video[0]:
                for frame in packet.decode():
                    times.append(str((frame.pts, frame.duration)).encode())
                    planes = [bytes(plane) for plane in frame.planes]
                    found.setdefault("pictures", []).extend([frame.format.name.encode(), *planes])
            elif packet.size:
                times.append(str((packet.pts, packet.duration)).encode())
                found.setdefault(f"packets of {stream.type} {stream.index}", []).append(bytes(packet))
    return {name: _digest(parts) for name, parts in found.items()}


def _digest(parts: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()[:16]


def compare(before: Path, after: Path) -> int:
    """Prints what differs; 1 if anything does."""
    old, new = (json.loads(path.read_text()) for path in (before, after))
    differing = 0
    for name in sorted(old.keys() & new.keys()):
        keys = old[name].keys() | new[name].keys()
        different = sorted(key for key in keys if old[name].get(key) != new[name].get(key))
        if different:
            differing += 1
            print(f"{name}: {', '.join(different)}")
    print(f"{len(old.keys() & new.keys())} outputs of both, {differing} differ")
    print(f"only before: {sorted(old.keys() - new.keys())}; only after: {sorted(new.keys() - old.keys())}")
    return int(differing > 0)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("action", choices=("record", "compare"))
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--clip", type=Path, default=ROOT / "examples" / "sample-lr.mkv")
    parser.add_argument(
        "--inputs",
        type=Path,
        default=Path(tempfile.gettempdir()) / "tcnet-zoo",
        help="folder of the zoo's files",
    )
    arguments = parser.parse_args()
    if arguments.action == "compare":
        return compare(*arguments.files)
    record(arguments.files[0], arguments.clip, arguments.inputs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
