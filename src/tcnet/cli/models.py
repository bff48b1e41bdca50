"""tcnet models."""

from typing import Annotated

import typer
from rich.table import Table

from tcnet.catalogue import DetailRange, Gain, ModelCard, list_models, model_card, weights_hash
from tcnet.cli.console import out, print_notices, print_pairs, say
from tcnet.durations import describe_estimate
from tcnet.errors import UsageError
from tcnet.speeds import MINUTE_OF_480P, newest_speed, speeds_notice

TITLES = {"files": "For video files", "benchmark": "For the benchmarks (on real files, the above are better)"}
NOT_MEASURED = "not measured yet"


def models(
    names: Annotated[
        list[str] | None, typer.Argument(help="A model, whose card is shown.", metavar="NAME")
    ] = None,
) -> None:
    """List the models in the package: what each is for, how good, how fast here; or show the card of one."""
    if (notice := speeds_notice()) is not None:
        print_notices([notice])
    match names or []:
        case []:
            _list()
        case [name] | ["show", name]:  # "show", as it was called before
            _show(model_card(name))
        case _:
            raise UsageError(f"one model at a time, got {' '.join(names or [])}: tcnet models NAME")


def _list() -> None:
    cards = list_models()
    for use, title in TITLES.items():
        _print_list(title, [card for card in cards if card.use == use])
    for card in cards:
        if card.detail is not None:
            say(f"{card.name}: {_detail(card.detail)}.")
        if card.denoise.default:
            say(f"{card.name}: --denoise 0 to 1, by default {card.denoise.default:g}; of others 0.")
    say("Over bicubic: PSNR on luma, for input of that kind; tcnet models NAME says on what it was measured.")
    if any(card.gain.lpips is not None for card in cards):
        say("LPIPS: a distance as networks see pictures; the less, the more it looks as the truth does.")
    if any(newest_speed(card) is None for card in cards):
        say("Speeds here are measured by tcnet doctor --tune, or once tcnet upscale plans a long run.")


def _print_list(title: str, cards: list[ModelCard]) -> None:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="", box=None)
    table.add_column("", no_wrap=True)
    table.add_column("for", ratio=1)
    table.add_column("over bicubic", no_wrap=True)
    table.add_column("1 min of 480p", no_wrap=True)
    for card in cards:
        mark = "\n(default)" if card.default else ""
        table.add_row(f"{card.name}{mark}", card.summary, _gain(card.gain), _minute(card))
    out.print(table)
    out.print()


def _gain(gain: Gain) -> str:
    lpips = "" if gain.lpips is None else f"\n{100 * gain.lpips:+.0f} % LPIPS"
    return f"{gain.psnr:+.1f} dB, {gain.on}{lpips}"


def _minute(card: ModelCard) -> str:
    speed = newest_speed(card)
    return NOT_MEASURED if speed is None else describe_estimate(speed.seconds_per_pixel * MINUTE_OF_480P)


def _detail(known: DetailRange) -> str:
    return f"--detail 0 ({known.base}) to 1, by default {known.default:g}; its speed is the same"


def _lpips(gain: Gain) -> str:
    return "" if gain.lpips is None else f", {100 * gain.lpips:+.0f} % of LPIPS"


def _show(card: ModelCard) -> None:
    speed = newest_speed(card)
    many = "" if speed is None or speed.threads == 1 else "s"
    how = "" if speed is None else f", on {speed.device} with {speed.threads} thread{many}"
    print_pairs(
        [
            ("name", card.name + (" (the default)" if card.default else "")),
            ("for", f"{'video files' if card.use == 'files' else 'a benchmark'}: {card.summary}"),
            (
                "over bicubic",
                f"{card.gain.psnr:+.2f} dB of PSNR on luma{_lpips(card.gain)}, {card.gain.on}: "
                f"{card.gain.measured}",
            ),
            *(() if card.detail is None else (("detail", _detail(card.detail)),)),
            ("denoise", f"--denoise 0 to 1, by default {card.denoise.default:g}"),
            ("speed here", f"{_minute(card)}, for a minute of 480p at 25 frames a second{how}"),
            ("weights", f"{card.weights} (sha256 {weights_hash(card.name)}…)"),
            ("degradation", card.degradation),
            ("data", card.data),
            ("steps", str(card.steps)),
            ("licence", card.licence),
            ("source", card.source),
        ]
    )
    for protocol, figure in card.figures.items():
        out.print(f"  {protocol}: {figure}", markup=False)
