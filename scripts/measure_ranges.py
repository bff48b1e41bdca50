"""Measure the ranges that `--precision int8` needs, on training samples, and write them into a weight file.

    python scripts/measure_ranges.py MODEL.safetensors CONFIG.toml [--set a.b=v]...

`tcnet train` does the same whenever it writes weights; this is for files without ranges. CONFIG: the run's
configuration, of which only [data] matters.
"""

import argparse
import sys
from pathlib import Path

import torch

from tcnet.data.samples import SampleMaker, open_sources
from tcnet.errors import TcnetError
from tcnet.models import load_own_weights
from tcnet.network.quantisation import measure_ranges
from tcnet.training.checkpoint import save_weights
from tcnet.training.config import load_config
from tcnet.training.run import range_clips


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", type=Path)
    parser.add_argument("config", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="a.b=v", dest="overrides")
    arguments = parser.parse_args()
    try:
        network = load_own_weights(arguments.model)
        config = load_config(arguments.config, arguments.overrides)
        samples = SampleMaker(open_sources(config.data), config.data, config.seed)
        network.ranges = measure_ranges(network, range_clips(samples, torch.device("cpu")))
        save_weights(arguments.model, network)
    except TcnetError as error:
        sys.exit(f"error: {error}")
    largest = max(float(values.max()) for values in network.ranges.values())
    print(f"{arguments.model}: ranges of {len(network.ranges)} convolutions, the largest value {largest:.3g}")


if __name__ == "__main__":
    main()
