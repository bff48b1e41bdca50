"""Frames to a video file with the input's times, sound and tags, in one go."""

from pathlib import Path

from tcnet.errors import MediaError
from tcnet.video.atomic_file import TargetFile
from tcnet.video.containers import output_container
from tcnet.video.frame import Frame, VideoInfo
from tcnet.video.source_file import SourceFile
from tcnet.video.write.encode.codecs import EncodeOptions
from tcnet.video.write.encode.encoder import EncodedPacket, PictureEncoder
from tcnet.video.write.encode.encoder_choice import choose_encoder
from tcnet.video.write.muxer import Muxer


class VideoWriter:
    """A FrameSink over one file. All options are checked and the header is written before the first frame."""

    def __init__(
        self,
        path: Path,
        *,
        info: VideoInfo,
        options: EncodeOptions,
        copy_from: SourceFile | None,
        overwrite: bool,
    ) -> None:
        """info: of the output. copy_from: the file whose sound, subtitles, chapters and tags are copied.

        Raises UsageError for invalid options, MediaError for a file that must not or cannot be
        written; neither leaves anything behind.
        """
        muxer, default_codec = output_container(path)
        plan = choose_encoder(path, info, options, default_codec, muxer=muxer)
        self._path = path
        self._notices = plan.notices
        self._target = TargetFile(
            path, overwrite=overwrite, source=None if copy_from is None else copy_from.path
        )
        self._open = True
        try:
            self._muxer = Muxer(
                self._target.work, path, muxer=muxer, plan=plan, info=info, copy_from=copy_from
            )
            self._encoder = PictureEncoder(self._muxer.stream, plan, info, path)
        except BaseException:
            self._target.discard()
            raise

    @property
    def notices(self) -> tuple[str, ...]:
        return self._notices + self._muxer.notices

    def write(self, frame: Frame) -> None:
        """Encodes one frame. ValueError for a wrong size, a dead sink, or a time not after the last one."""
        self._check_open()
        self._mux(self._encoder.encode(frame))

    def finish(self) -> None:
        """Ends the file, syncs it and gives it its name."""
        self._check_open()
        if not self._encoder.frames:
            raise MediaError(f"{self._path}: no frame was written")
        self._mux(self._encoder.flush())
        self._muxer.finish(self._encoder.start_pts, self._encoder.end_pts)
        self._target.commit()
        self._open = False

    def abort(self) -> None:
        """Stops and removes what was written; harmless after `finish` and when called again."""
        if self._open:
            self._open = False
            self._muxer.close()
            self._target.discard()

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"{self._path}: the sink is finished or aborted")

    def _mux(self, packets: list[EncodedPacket]) -> None:
        for packet in packets:
            self._muxer.mux(packet)
