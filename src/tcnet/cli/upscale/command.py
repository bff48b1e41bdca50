"""tcnet upscale."""

import traceback
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from tcnet.catalogue import DEFAULT_MODEL
from tcnet.cli.upscale.batch import Settings, run_batch
from tcnet.cli.upscale.consent import Consent, somebody_is_there
from tcnet.cli.upscale.display import make_display
from tcnet.cli.upscale.inputs import TEMPLATE_FIELDS
from tcnet.cli.upscale.plan_text import given_options
from tcnet.cli.upscale.preview import Preview
from tcnet.cli.values import parse_gibibytes, parse_lines, parse_pairs, parse_rate, parse_time
from tcnet.errors import TcnetError
from tcnet.inference import UpscaleOptions
from tcnet.profiling.threads import use_kept_threads
from tcnet.video import EncodeOptions, ReadOptions

BASIC, SIZE, PICTURE = "Basic", "Size", "Picture"
ENCODING, SPEED, ADVANCED = "Encoding", "Speed and memory", "Advanced"


def upscale(
    context: typer.Context,
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Video files, folders of videos, folders or patterns of images, or - for standard input.",
            metavar="INPUT",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="File, folder or pattern (out/%05d.png) of PNGs; by default NAME.x4.mp4 or NAME.x4.mkv "
            "beside the input, for images the folder NAME.x4.",
            rich_help_panel=BASIC,
        ),
    ] = None,
    output_template: Annotated[
        str | None,
        typer.Option(
            help=f"Names outputs, such as out/{{parent}}/{{stem}}.mkv. Fields: {', '.join(TEMPLATE_FIELDS)}.",
            rich_help_panel=BASIC,
        ),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Search folders all the way down.", rich_help_panel=BASIC)
    ] = False,
    model: Annotated[
        str,
        typer.Option(
            help="Name from `tcnet models`, a weight file, or an exported folder.", rich_help_panel=BASIC
        ),
    ] = DEFAULT_MODEL,
    detail: Annotated[
        float | None,
        typer.Option(
            help="0 (true to the input) to 1 (the most detail), of models that have it: tcnet models says "
            "which, and the default.",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    denoise: Annotated[
        float | None,
        typer.Option(
            help="0 to 1: how far noise, grain and coding artefacts are taken out first. `tcnet models NAME` "
            "says the default, mostly 0.",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="First moment to upscale, seconds or H:MM:SS.mmm from the first frame.",
            rich_help_panel=BASIC,
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option(help="Moment to stop before, in the same way.", rich_help_panel=BASIC)
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Check everything, show the plan and what cannot be kept, and stop.",
            rich_help_panel=BASIC,
        ),
    ] = False,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Do not ask before a run that takes over an hour.", rich_help_panel=BASIC),
    ] = False,
    scale: Annotated[
        float | None,
        typer.Option(
            help="1 (cleaned, at the input's size) to 4 (default), such as 1.5.", rich_help_panel=SIZE
        ),
    ] = None,
    height: Annotated[
        int | None, typer.Option(help="Output height; the width follows.", rich_help_panel=SIZE)
    ] = None,
    width: Annotated[
        int | None, typer.Option(help="Output width; the height follows.", rich_help_panel=SIZE)
    ] = None,
    shrink_first: Annotated[
        str | None,
        typer.Option(
            help="For videos that were blown up: shrink frames to this many lines, or to the size that they "
            "really hold (auto), before upscaling. The output keeps its size.",
            rich_help_panel=SIZE,
        ),
    ] = None,
    deinterlace: Annotated[
        str,
        typer.Option(
            help="auto (where interlaced; telecined film is restored), double (a frame for each "
            "field), on or off.",
            rich_help_panel=PICTURE,
        ),
    ] = "auto",
    scene_cuts: Annotated[
        bool,
        typer.Option(
            "--scene-cuts/--no-scene-cuts",
            help="Find cuts and carry nothing across them.",
            rich_help_panel=PICTURE,
        ),
    ] = True,
    repeated: Annotated[
        str,
        typer.Option(
            help="Repeated frames to copy instead of computing them: exact, or near (but for a codec's "
            "noise: cartoons and screen recordings).",
            rich_help_panel=SPEED,
        ),
    ] = "exact",
    ensemble: Annotated[
        str,
        typer.Option(
            help="none, time (the reversed clip too, twice the time) or full (16 times): more exact.",
            rich_help_panel=PICTURE,
        ),
    ] = "none",
    frame_rate: Annotated[
        str,
        typer.Option(help="For images: frames a second, such as 25 or 30000/1001.", rich_help_panel=PICTURE),
    ] = "25",
    codec: Annotated[
        str | None,
        typer.Option(
            help="h264 (default), hevc, av1, ffv1 or prores.",
            rich_help_panel=ENCODING,
        ),
    ] = None,
    crf: Annotated[
        int | None,
        typer.Option(
            help="Constant quality, lower is better; by default 16 for h264, 18 for hevc, 22 for av1.",
            rich_help_panel=ENCODING,
        ),
    ] = None,
    pixel_format: Annotated[
        str | None,
        typer.Option(
            help="FFmpeg's name, such as yuv444p10le; by default as deep as the input.",
            rich_help_panel=ENCODING,
        ),
    ] = None,
    encoder: Annotated[
        str,
        typer.Option(
            help="auto (software), software, or a graphics processor's: nvenc, videotoolbox, qsv, vaapi or "
            "amf.",
            rich_help_panel=ENCODING,
        ),
    ] = "auto",
    encoder_option: Annotated[
        list[str] | None, typer.Option(help="K=V, passed to the encoder.", rich_help_panel=ENCODING)
    ] = None,
    device: Annotated[
        str,
        typer.Option(
            help="auto, cpu, cuda or mps; with --engine openvino cpu, gpu or npu.", rich_help_panel=SPEED
        ),
    ] = "auto",
    precision: Annotated[
        str, typer.Option(help="auto, fp32, bf16, fp16 or int8.", rich_help_panel=SPEED)
    ] = "auto",
    engine: Annotated[
        str,
        typer.Option(
            help="torch, onnxruntime or openvino; the others run exports (docs/export.md).",
            rich_help_panel=SPEED,
        ),
    ] = "torch",
    provider: Annotated[
        str,
        typer.Option(
            help="Where --engine onnxruntime computes: cpu, cuda, tensorrt, directml, coreml or openvino "
            "(tcnet doctor lists those that are there).",
            rich_help_panel=SPEED,
        ),
    ] = "cpu",
    compile: Annotated[
        bool,
        typer.Option(
            "--compile",
            help="Compile the network first: one to four minutes for each size of tile, seconds the next "
            "time. Pays for long videos.",
            rich_help_panel=SPEED,
        ),
    ] = False,
    window: Annotated[
        int | None,
        typer.Option(
            help="Frames computed together; by default 56, or fewer where memory is short.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option(
            help="Context: frames computed and dropped on each side of a window; by default 4.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            help="Largest tile side in input pixels; by default whole frames where memory allows.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    memory_limit: Annotated[
        float | None,
        typer.Option(help="GiB to stay under; by default 70 % of what is free.", rich_help_panel=SPEED),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Share the work out with Ray: auto (a cluster that runs, else local), local (all GPUs of "
            "this machine), or HOST:PORT (docs/cluster.md).",
            rich_help_panel=SPEED,
        ),
    ] = None,
    cluster_workers: Annotated[
        int | None,
        typer.Option(
            help="For a cluster that scales itself: ask it for machines for so many workers.",
            rich_help_panel=SPEED,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output.", rich_help_panel=ADVANCED)
    ] = False,
    preview: Annotated[
        Path | None,
        typer.Option(
            help="A .png that shows the newest finished frame while the run goes on.",
            rich_help_panel=ADVANCED,
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Continue a run that was cut off, or start over.",
            rich_help_panel=ADVANCED,
        ),
    ] = True,
    allow_network: Annotated[
        bool,
        typer.Option(
            "--allow-network", help="Follow playlists to other files and addresses.", rich_help_panel=ADVANCED
        ),
    ] = False,
    progress: Annotated[
        str,
        typer.Option(
            help="auto, bar, none, or json: on stdout one JSON object a line, as docs/video.md describes.",
            rich_help_panel=ADVANCED,
        ),
    ] = "auto",
) -> None:
    """Upscale videos by 4, with sound, times and colours kept.

    Prints where the output is. The same command continues a run that was cut off.

    Of several inputs, one that fails does not stop the others, and outputs that are there already are kept.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted, 143 terminated; of several inputs the worst.
    """
    display = make_display(progress)
    try:
        use_kept_threads()
        settings = Settings(
            model=model,
            options=UpscaleOptions(
                window=window, overlap=overlap, tile=tile, precision=precision, device=device, scale=scale,
                height=height, width=width, memory_limit=parse_gibibytes(memory_limit), scene_cuts=scene_cuts,
                ensemble=ensemble, engine=engine, provider=provider, compile=compile, repeated=repeated,
                detail=detail, denoise=denoise,
                shrink_first=parse_lines("--shrink-first", shrink_first),
            ),
            encode=EncodeOptions(
                codec=codec, crf=crf, pixel_format=pixel_format, encoder=encoder,
                encoder_options=parse_pairs(encoder_option or []),
            ),
            read=ReadOptions(
                frame_rate=parse_rate(frame_rate), start=parse_time("--start", start),
                end=parse_time("--end", end), deinterlace=deinterlace, allow_network=allow_network,
            ),
            overwrite=overwrite,
            resume=resume,
            dry_run=dry_run,
            debug=bool(context.obj),
            consent=Consent(given=yes or progress == "json", may_ask=somebody_is_there()),
            given=given_options(context),
            cluster_address=cluster,
            cluster_workers=cluster_workers,
        )  # fmt: skip
        with ExitStack() as stack:
            if preview is not None:
                settings = replace(settings, on_frame=stack.enter_context(Preview(preview)))
            code = run_batch(
                inputs, settings, display, output=output, template=output_template, recursive=recursive
            )
    except TcnetError as error:
        if context.obj:
            traceback.print_exc()
        display.error(str(error), error.exit_code)
        code = error.exit_code
    except BaseException as error:  # said by the command line itself
        display.stopped(str(error) or "interrupted", getattr(error, "exit_code", 1))
        raise
    raise typer.Exit(code)
