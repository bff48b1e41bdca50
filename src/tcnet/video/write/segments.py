"""A video file written in segments that are joined at the end, so that what is finished stays finished."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tcnet.video.containers import output_container
from tcnet.video.frame import Frame, VideoInfo
from tcnet.video.source_file import SourceFile
from tcnet.video.write.encode.codecs import EncodeOptions, EncoderPlan
from tcnet.video.write.encode.encoder import SeparateEncoder
from tcnet.video.write.encode.encoder_choice import choose_encoder
from tcnet.video.write.muxer import Muxer
from tcnet.video.write.packet_file import PacketFile, joined


@dataclass(frozen=True, slots=True)
class Segment:
    """A finished segment file. start_pts, end_pts: the ticks at which its first frame begins and its last one
    ends. sha256: of the file. parameter_sets: hex digits of what its decoder needs besides the packets."""

    frames: int
    start_pts: int
    end_pts: int
    size: int
    sha256: str
    parameter_sets: str


class SegmentWriter:
    """Writes one segment, with an encoder of its own: it depends on nothing before it."""

    def __init__(self, work: Path | None, muxer: str, plan: EncoderPlan, info: VideoInfo, path: Path) -> None:
        self._encoder = SeparateEncoder(muxer, plan, info, path)
        self._file = PacketFile(work)

    @property
    def frames(self) -> int:
        return self._encoder.frames

    @property
    def data(self) -> bytes:
        """The finished segment, of a writer without a file."""
        return self._file.data

    def write(self, frame: Frame) -> None:
        """ValueError like `PictureEncoder`, MediaError when encoding fails, OSError when writing does."""
        for packet in self._encoder.encode(frame):
            self._file.add(packet)

    def finish(self) -> Segment:
        """Ends the segment, which is on the disk when this returns. Raises like `write`."""
        for packet in self._encoder.flush():
            self._file.add(packet)
        digest = self._file.close()
        encoder = self._encoder
        sets = encoder.parameter_sets.hex()
        return Segment(encoder.frames, encoder.start_pts, encoder.end_pts, self._file.size, digest, sets)

    def abandon(self) -> None:
        """Stops; what is in the file does not count."""
        self._file.abandon()
        self._encoder.close()


@dataclass(frozen=True, slots=True)
class Trial:
    """notices: what changes. parameter_sets: of the encoder, as hex digits."""

    notices: tuple[str, ...]
    parameter_sets: str


@dataclass(frozen=True, slots=True)
class VideoEncoding:
    """How one output file is encoded, checked as far as can be without writing it. copy_from: the input."""

    path: Path
    info: VideoInfo
    muxer: str
    plan: EncoderPlan
    copy_from: SourceFile | None

    def trial(self) -> Trial:
        """Sets up the whole file, header and all, and throws it away: nothing is refused after this.

        Raises UsageError for what codec or container cannot do, MediaError for an input that cannot be read.
        """
        muxer = self._muxer(Path(os.devnull))
        try:
            sets = (muxer.stream.codec_context.extradata or b"").hex()
            return Trial(self.plan.notices + muxer.notices, sets)
        finally:
            muxer.close()

    def segment(self, work: Path | None) -> SegmentWriter:
        """A writer for the next segment, in the file `work`, or in memory."""
        return SegmentWriter(work, self.muxer, self.plan, self.info, self.path)

    def join(self, work: Path, files: Sequence[Path], first: Segment, last: Segment) -> tuple[str, ...]:
        """Writes the whole video into the file `work`, from the packets of `files` and the copied streams.

        first, last: what the first and the last file hold. Returns notices on the copied streams.
        Raises MediaError when writing fails. The file is not synced.
        """
        muxer = self._muxer(work)
        try:
            for packet in joined(files):
                muxer.mux(packet)
            muxer.finish(first.start_pts, last.end_pts)
        finally:
            muxer.close()
        return muxer.notices

    def _muxer(self, work: Path) -> Muxer:
        return Muxer(
            work, self.path, muxer=self.muxer, plan=self.plan, info=self.info, copy_from=self.copy_from
        )


def plan_video_encoding(
    path: Path, *, info: VideoInfo, options: EncodeOptions, copy_from: SourceFile | None
) -> VideoEncoding:
    """info: of the output. copy_from: the input. Raises UsageError for invalid options."""
    muxer, default_codec = output_container(path)
    plan = choose_encoder(path, info, options, default_codec, muxer=muxer)
    return VideoEncoding(path, info, muxer, plan, copy_from)
