"""Average the weights of two trainings of one network, of which the second went on from the first.

    python scripts/average_weights.py FIRST SECOND OUT.safetensors [--share 0.5]

FIRST and SECOND: each a weight file, a model of the package, or a configuration (.toml), which stands for the
weights that its run begins with. OUT has the first weights times 1 - share plus the second times share, often
better than either (docs/experiments/2026-11-28-weight-averaging.md). The ranges that int8 needs are not
averaged: scripts/measure_ranges.py measures them.
"""

import argparse
import sys
from pathlib import Path

import torch

from tcnet.errors import TcnetError, UsageError
from tcnet.models import load_own_weights
from tcnet.network import TCNet
from tcnet.training.checkpoint import save_weights
from tcnet.training.config import load_config
from tcnet.training.start.starting_point import starting_network


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("first")
    parser.add_argument("second")
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the second, from 0 to 1")
    arguments = parser.parse_args()
    try:
        if not 0 <= arguments.share <= 1:
            raise UsageError(f"--share must be from 0 to 1, got {arguments.share:g}")
        first, second = _network(arguments.first), _network(arguments.second)
        if first.config != second.config:
            raise UsageError(f"{arguments.first} and {arguments.second} are not of one architecture")
        others = second.state_dict()
        first.load_state_dict(
            {
                name: torch.lerp(weights, others[name], arguments.share)
                for name, weights in first.state_dict().items()
            }
        )
        first.ranges = {}
        save_weights(arguments.out, first)
    except TcnetError as error:
        sys.exit(f"error: {error}")


def _network(source: str) -> TCNet:
    return (
        starting_network(load_config(Path(source))) if source.endswith(".toml") else load_own_weights(source)
    )


if __name__ == "__main__":
    main()
