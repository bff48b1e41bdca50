"""Make examples/sample.mkv and examples/sample-lr.mkv from the training clip they are cut from.

    python scripts/make_sample.py ../shared/data/train/gpmf-parser-max-heromode-5d47.mkv

The clip's source and licence are in NOTICE.
"""

import argparse
from dataclasses import replace
from itertools import islice
from pathlib import Path

from tcnet.data.degrade_job import degrade_video
from tcnet.video import EncodeOptions, open_sink, open_source

FRAMES = 20
EXAMPLES = Path(__file__).parent.parent / "examples"


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("clip", type=Path)
    hr, lr = EXAMPLES / "sample.mkv", EXAMPLES / "sample-lr.mkv"
    with open_source(parser.parse_args().clip) as source:
        info = replace(source.info, width=source.info.width // 4 * 4, height=source.info.height // 4 * 4)
        encode = EncodeOptions(codec="h264", crf=15, pixel_format="yuv444p")
        sink = open_sink(hr, info=info, options=encode, overwrite=True)
        for frame in islice(source, FRAMES):
            sink.write(replace(frame, pixels=frame.pixels[: info.height, : info.width]))
        sink.finish()
    degrade_video(hr, lr, "BI", overwrite=True)
    for path in (hr, lr):
        print(f"{path}: {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
