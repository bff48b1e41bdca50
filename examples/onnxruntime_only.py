"""Upscale a folder of PNGs or a video with an exported model: numpy and onnxruntime, no torch, no tcnet.

    tcnet export --model tcnet-bi                                     # writes the folder tcnet-bi-onnx
    python onnxruntime_only.py tcnet-bi-onnx INPUT OUTPUT

INPUT: a video file or a folder of images; OUTPUT: a video file or a folder for PNGs. Files are read and
written with PyAV (`pip install onnxruntime av`). To show the steps plainly it holds the whole clip in memory
and writes pictures only, without sound and at a constant rate; `tcnet upscale --engine onnxruntime` does all
of that.
"""

import json
import sys
from pathlib import Path

import av
import numpy as np
import onnxruntime


class Model:
    """The step graphs of an export and what its manifest says of them."""

    def __init__(self, folder):
        self.facts = json.loads((Path(folder) / "manifest.json").read_text(encoding="utf-8"))
        self.graphs = {
            name: onnxruntime.InferenceSession(str(Path(folder) / step["file"]))
            for name, step in self.facts["graphs"].items()
        }

    def run(self, name, *inputs):
        names = [spec["name"] for spec in self.facts["graphs"][name]["inputs"]]
        return self.graphs[name].run(None, dict(zip(names, inputs, strict=True)))

    def upscale(self, frames):
        """(1, 3, h, w) float32 in [0, 1] each -> pictures (1, 3, 4h, 4w), one by one."""
        if "clean" in self.graphs:  # of exports with a denoise over 0
            frames = self.cleaned(frames)
        pairs = [self.run("motion", *frames[i : i + 2]) for i in range(len(frames) - 1)]
        clip = []  # of each frame: its neighbours on it and itself, the flows to them; None at the ends
        for i, frame in enumerate(frames):
            _, previous, _, to_previous = pairs[i - 1] if i > 0 else (None, frame, None, None)
            following, _, to_next, _ = pairs[i] if i < len(pairs) else (frame, None, None, None)
            clip.append(((previous, frame, following), to_previous, to_next))

        # Models that can stream warm up on their first group: 3, 2, 1 come before 0, 1, 2, 3.
        size, backward = self.facts["group_size"], self.facts["propagation"] == "bidirectional"
        warm_up = [] if backward else range(min(size, len(clip)) - 1, 0, -1)
        order = [(clip[i][0][::-1], clip[i][2], clip[i][1]) for i in warm_up]
        if len(warm_up) > 0:
            (_, frame, following), _, to_next = clip[0]
            clip[0] = (following, frame, following), to_next, to_next
        order += clip

        # First recurrence: backward in time, or forward for models that can stream.
        features, state = [], None
        for around, to_previous, to_next in reversed(order) if backward else order:
            aligned = self.aligned(state, to_next if backward else to_previous, frames[0])
            (state,) = self.run("propagate", np.concatenate(around, axis=1), aligned)
            features.append(state)
        features = features[::-1] if backward else features[len(warm_up) :]

        # Frames look at each other in groups; then the second recurrence, always forward.
        fused, refined = [], None
        for first in range(0, len(features), size):
            (group,) = self.run("stabilise", np.concatenate(features[first : first + size]))
            fused += [each[None] for each in group]
        for step, (around, to_previous, _) in enumerate(order, -len(warm_up)):
            aligned = self.aligned(refined, to_previous, frames[0])
            of_frame = fused[abs(step)]
            (refined,) = self.run("refine", np.concatenate(around, axis=1), of_frame, aligned)
            if step >= 0:
                (picture,) = self.run("reconstruct", of_frame, refined, frames[step])
                yield picture

    def cleaned(self, frames):
        """Each from itself and two frames on either side; beyond the ends of the clip they repeat."""
        last = len(frames) - 1
        windows = [[frames[min(max(0, i + step), last)] for step in range(-2, 3)] for i in range(last + 1)]
        return [self.run("clean", np.stack(window, axis=1))[0] for window in windows]

    def aligned(self, state, flow, frame):
        """The state of the frame before, moved onto this one; zeros at the start, of a frame's size."""
        if state is not None:
            return self.run("warp", state, flow)[0]
        return np.zeros((1, self.facts["channels"], *frame.shape[-2:]), np.float32)


def read(path):
    """Frames of a video, or of the images in a folder in the order of their names, and the frame rate."""
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    frames, rate = [], 25
    for file in files:
        with av.open(str(file)) as container:
            rate = rate if path.is_dir() else container.streams.video[0].average_rate or rate
            frames += [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [np.float32(frame.transpose(2, 0, 1)[None]) / 255 for frame in frames], rate


def write(path, pictures, rate):
    """A video, or PNGs in the folder `path`."""
    codec, pixel_format = ("libx264", "yuv444p") if path.suffix else ("png", "rgb24")
    if not path.suffix:
        path.mkdir(exist_ok=True)
        path /= "%05d.png"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        for picture in pictures:
            pixels = np.uint8(np.rint(np.clip(picture[0], 0, 1) * 255)).transpose(1, 2, 0)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            if not stream.codec_context.is_open:
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, pixel_format
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    frames, rate = read(Path(sys.argv[2]))
    write(Path(sys.argv[3]), Model(sys.argv[1]).upscale(frames), rate)
