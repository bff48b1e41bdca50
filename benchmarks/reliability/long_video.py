"""Flat memory: a two-hour video with sound and subtitles through the whole program.

    python benchmarks/reliability/long_video.py [--minutes 120] [--suffix .mkv] [--size 32x24]
        [--folder FOLDER]

The network is a fake one (nearest neighbour), so that the run measures everything else: reading, windows,
segments, journal, encoding, copying, the final mux. The largest resident set until minute 2 of the content is
compared with that of the whole run. Writes benchmarks/results/long_video.<suffix>.json.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

TESTS = Path(__file__).parents[2] / "tests"
sys.path.insert(0, str(TESTS))

from fake_networks import Nearest  # noqa: E402
from tcnet.inference import UpscaleOptions  # noqa: E402
from tcnet.upscale import Progress, upscale_video  # noqa: E402
from tcnet.video import EncodeOptions  # noqa: E402
from zoo.files.extras import add_subtitles, subtitle_packets  # noqa: E402
from zoo.files.specimen import Subtitles  # noqa: E402

RATE = 24
SOUND_RATE = 16000
MINUTE = 60 * RATE  # frames
WARM_UP = 2 * MINUTE  # frames
SAMPLE_EVERY = 5 * RATE  # frames


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--suffix", default=".mkv", help="of input and output: .mkv or .mp4")
    parser.add_argument("--size", default="32x24")
    parser.add_argument("--folder", type=Path, help="for the videos; by default a temporary one")
    choice = parser.parse_args()
    width, height = map(int, choice.size.split("x"))
    frames = round(choice.minutes * 60 * RATE)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir=choice.folder) as name:
        source = Path(name) / f"long{choice.suffix}"
        begin = time.monotonic()
        write_video(source, frames, (width, height))
        print(
            f"{frames} frames written in {time.monotonic() - begin:.0f} s, {source.stat().st_size >> 20} MiB"
        )
        report = measure(source, frames)
    report |= {"frames": frames, "suffix": choice.suffix, "size": choice.size}
    print({key: value for key, value in report.items() if key != "samples"})
    path = Path(__file__).parents[1] / "results" / f"long_video{choice.suffix}.json"
    path.write_text(json.dumps(report) + "\n")


def write_video(path: Path, frames: int, size: tuple[int, int]) -> None:
    """H.264 with AAC and a subtitle every two seconds: one minute is encoded, and its packets repeated."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast", "crf": "20"})
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        video.codec_context.thread_count = 1
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        texts = Subtitles(codec="subrip" if path.suffix == ".mkv" else "mov_text", shown=())
        words = add_subtitles(container, texts)
        container.start_encoding()
        packets = [*_minute_of_video(video, size), *_minute_of_sound(sound)]
        packets.sort(key=lambda packet: packet.dts * packet.time_base)
        kept = [(bytes(p), p.stream, p.time_base, p.pts, p.dts, p.duration, p.is_keyframe) for p in packets]
        for minute in range(-(-frames // MINUTE)):
            for data, stream, time_base, pts, dts, duration, is_keyframe in kept:
                packet = av.Packet(data)
                shift = round(60 * minute / time_base)
                packet.stream, packet.time_base, packet.duration = stream, time_base, duration
                packet.pts, packet.dts, packet.is_keyframe = pts + shift, dts + shift, is_keyframe
                if stream is video and (packet.pts + 1) * time_base > Fraction(frames, RATE):
                    continue
                container.mux(packet)
            for second in range(0, 60, 2):
                start = 1000 * (60 * minute + second)
                shown = ((start, start + 1500, f"line {minute}:{second}"),)
                container.mux(subtitle_packets(words, Subtitles(codec=texts.codec, shown=shown)))


def _minute_of_video(video: av.VideoStream, size: tuple[int, int]) -> list[av.Packet]:
    x, y = np.arange(size[0])[None, :, None], np.arange(size[1])[:, None, None]
    packets = []
    for index in range(MINUTE):
        pixels = ((x * 5 + y * 3 + index * 2) % 220 + np.array([0, 10, 20])).astype(np.uint8)
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
        frame.pts, frame.time_base = index, Fraction(1, RATE)
        packets += video.encode(frame)
    return packets + video.encode(None)


def _minute_of_sound(sound: av.AudioStream) -> list[av.Packet]:
    """Whole packets only: 60 s are 937.5 of them, and the last half would leave a hole each minute."""
    packets = [packet for second in range(61) for packet in sound.encode(_tone(second))]
    return [packet for packet in packets if 0 <= packet.pts * packet.time_base < 60]


def _tone(second: int) -> av.AudioFrame:
    samples = (np.sin((np.arange(SOUND_RATE) + second * SOUND_RATE) * 0.05) * 8000).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, second * SOUND_RATE, Fraction(1, SOUND_RATE)
    return frame


def measure(source: Path, frames: int) -> dict[str, object]:
    """Upscale, sampling the resident set (bytes) every few seconds of content."""
    samples: list[tuple[int, int]] = []
    peaks: dict[str, int] = {}

    def sample(now: Progress) -> None:
        if now.frames_done % SAMPLE_EVERY == 0:
            samples.append((now.frames_done, _resident()))
        if now.frames_done % (10 * MINUTE) == 0:
            print(f"minute {now.frames_done // MINUTE}: {_resident() / 2**20:.1f} MiB", flush=True)
        if now.frames_done == WARM_UP:
            peaks["minute 2"] = _peak()
        if now.frames_done == frames:
            peaks["last frame computed"] = _peak()

    begin = time.monotonic()
    result = upscale_video(
        source,
        source.with_name(f"out{source.suffix}"),
        model=Nearest(),
        options=UpscaleOptions(device="cpu", precision="fp32"),
        encode=EncodeOptions(encoder_options={"preset": "ultrafast"}),
        progress=sample,
    )
    seconds = time.monotonic() - begin
    assert result.frames == frames, (result.frames, frames)
    peaks["end"] = _peak()
    return {
        "seconds": round(seconds, 1),
        "frames_per_second": round(frames / seconds, 1),
        "peak_mib": {name: round(peak / 2**20, 1) for name, peak in peaks.items()},
        "growth_percent": round(100 * (peaks["end"] / peaks["minute 2"] - 1), 2),
        "notices": result.notices,
        "samples": samples,
    }


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _peak() -> int:
    line = next(
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    main()
