"""tcnet models."""

from typing import Annotated

import typer

from tcnet.cli.console import out, print_pairs
from tcnet.errors import UsageError
from tcnet.models import list_models, model_card, weights_hash


def models(
    action: Annotated[
        str | None, typer.Argument(help="'show' for one model's card.", metavar="[show")
    ] = None,
    name: Annotated[str | None, typer.Argument(help="Name of the model.", metavar="NAME]")] = None,
) -> None:
    """List the models in the package, or show one's card: data, degradation, licence, measured figures."""
    if action is None:
        print_pairs([(card.name, card.summary) for card in list_models()])
        return
    if action != "show" or name is None:
        raise UsageError("usage: tcnet models, or tcnet models show NAME")
    card = model_card(name)
    print_pairs(
        [
            ("name", card.name),
            ("summary", card.summary),
            ("weights", f"{card.weights} (sha256 {weights_hash(name)}…)"),
            ("degradation", card.degradation),
            ("data", card.data),
            ("steps", str(card.steps)),
            ("licence", card.licence),
            ("source", card.source),
        ]
    )
    for protocol, figure in card.figures.items():
        out.print(f"  {protocol}: {figure}", markup=False)
