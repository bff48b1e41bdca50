"""tcnet export."""

from pathlib import Path
from typing import Annotated

import typer

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.cli.console import err, format_bytes, out
from tcnet.export import export_model


def export(
    model: Annotated[str, typer.Option(help="Name from `tcnet models`, or a weight file.")] = DEFAULT_MODEL,
    format: Annotated[str, typer.Option(help="onnx or openvino.")] = "onnx",
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The folder to make; by default NAME-FORMAT.")
    ] = None,
    detail: Annotated[
        float | None, typer.Option(help="0 to 1, of a model that has it, as for tcnet upscale.")
    ] = None,
    denoise: Annotated[float | None, typer.Option(help="0 to 1, as for tcnet upscale.")] = None,
    half_weights: Annotated[
        bool, typer.Option("--half-weights", help="Store weights in 16 bits, as the package does.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export.")] = False,
) -> None:
    """Write a model as graphs that other programs run: ONNX, or OpenVINO's format.

    The graphs take any height, width and number of frames; docs/export.md says how to run them.

    They are run, and their pictures compared with PyTorch's, before the folder gets its name.

    Prints the folder.
    """
    with err.status("loading") as status:
        result = export_model(
            model, format, output, detail=detail, denoise=denoise, half_weights=half_weights,
            overwrite=overwrite, on_step=lambda step: status.update(step),
        )  # fmt: skip
    parity = result.parity
    err.print(
        f"{format_bytes(result.size)}; differs from PyTorch by at most {parity.max_abs_error:.1e} "
        f"({parity.runtime})",
        markup=False,
    )
    out.print(str(result.output), markup=False)
