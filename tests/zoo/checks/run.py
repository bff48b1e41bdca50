"""One file of the zoo through the product with a network of known behaviour."""

from dataclasses import dataclass
from pathlib import Path

from fake_networks import Nearest
from tcnet.inference import UpscaleOptions
from tcnet.upscale import UpscaleResult, upscale_video
from tcnet.video import EncodeOptions
from zoo.checks.differences import Case, differences
from zoo.checks.facts import read_facts
from zoo.checks.limits import LIMITS, Limit
from zoo.files.builder import build
from zoo.files.specimen import Specimen

OPTIONS = UpscaleOptions(device="cpu", precision="fp32", window=12, overlap=0)


@dataclass(frozen=True)
class Outcome:
    """differences: property -> what differs that no known limit explains; unneeded: limits that do not hold;
    kind: container and codec of the output."""

    specimen: Specimen
    source: Path
    output: Path
    differences: dict[str, list[str]]
    limits: dict[str, Limit]
    unneeded: list[str]
    notices: tuple[str, ...]
    kind: str


def upscale_specimen(specimen: Specimen, folder: Path) -> Outcome:
    """Builds the file in `folder`, upscales it there and compares."""
    source = build(specimen, folder)
    result = upscale_beside(specimen, source)
    suffix = "/" if result.output.is_dir() else result.output.suffix
    case = Case(specimen, read_facts(source), read_facts(result.output, enlarged=4), suffix)
    found = differences(case)
    limits = LIMITS.get(specimen.file_name, {})
    unneeded = []
    for name, limit in limits.items():
        if not any(limit.matches(text) for text in found[name]):
            unneeded.append(f"{name}: {limit.got!r} does not describe {found[name]}")
        if not limit.told(result.notices):
            unneeded.append(f"{name}: no notice says {limit.notice!r}")
        found[name] = [text for text in found[name] if not limit.matches(text)]
    kind = "PNG" if suffix == "/" else f"{suffix[1:]}, {case.output.codec}"
    return Outcome(specimen, source, result.output, found, limits, unneeded, result.notices, kind)


def upscale_beside(specimen: Specimen, source: Path) -> UpscaleResult:
    """Upscales the specimen's file into its folder."""
    target = None
    if specimen.output == "/":
        target = source.with_name(f"{specimen.name}.out")
    elif specimen.output is not None:
        target = source.with_name(f"{specimen.name}.x4{specimen.output}")
    encode = EncodeOptions(codec=specimen.output_codec)
    return upscale_video(source, target, model=Nearest(), options=OPTIONS, encode=encode)
