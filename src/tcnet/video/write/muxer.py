"""The output file: encoded pictures and everything copied from the input, in the order of their times."""

import math
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Disposition, Stream

from tcnet.errors import MediaError, UsageError
from tcnet.video.frame import VideoInfo
from tcnet.video.source_file import SourceFile
from tcnet.video.write.copied.passthrough import Passthrough
from tcnet.video.write.encode.codecs import EncoderPlan
from tcnet.video.write.encode.encoder import EncodedPacket, add_video, reason
from tcnet.video.write.matroska import make_room, set_pixel_aspect
from tcnet.video.write.quicktime import complete_tags

_MAX_TIMESCALE = 2**31 - 1


class Muxer:
    """Writes one file. Its header stands once this is made: all that can be refused is refused by then."""

    def __init__(
        self,
        work: Path,
        path: Path,
        *,
        muxer: str,
        plan: EncoderPlan,
        info: VideoInfo,
        copy_from: SourceFile | None,
    ) -> None:
        """work: the file that is written. path: the name it will have, for messages. muxer: FFmpeg's name.
        copy_from: the file whose sound, subtitles, chapters and tags are copied.

        Raises UsageError for what the container or the encoder cannot do, MediaError for an input that
        cannot be read and a file that cannot be written.
        """
        self._work = work
        self._path = path
        self._info = info
        self._muxer = muxer
        self._held: EncodedPacket | None = None
        self._first: EncodedPacket | None = None
        self._copy: Passthrough | None = None
        self._pictures = 0
        self._refused = False
        self._languages: tuple[str | None, ...] = ()
        self._container: OutputContainer | None = None
        self._states_aspect_itself = muxer in ("matroska", "webm") and info.sample_aspect_ratio != 1
        options: dict[str, str] = {}
        try:
            self._container = av.open(str(work), "w", format=muxer, container_options=options)
            self.stream = add_video(self._container, plan, info, path)
            self._open(self._container, plan, copy_from)
        except av.FFmpegError as error:
            self.close()
            raise self._failure(error) from error
        except BaseException:
            self.close()
            raise

    @property
    def notices(self) -> tuple[str, ...]:
        return self._copy.notices if self._copy else ()

    def mux(self, packet: EncodedPacket) -> None:
        """Takes the pictures' packets in decoding order. Raises MediaError when writing fails."""
        if self._first is None:
            self._first = packet
        if self._held is not None:
            self._write(self._held, self._held.duration)
        self._held = packet  # the last one needs another duration

    def finish(self, start_pts: int, end_pts: int) -> None:
        """Writes what is left of the copied streams and ends the file; it is not synced.

        start_pts, end_pts: where the first picture begins and the last one ends. Raises MediaError.
        """
        container = self._container
        assert container is not None, "finish follows neither finish nor close"
        try:
            if self._held is not None:
                self._write(self._held, self._last_duration(self._held, end_pts - start_pts))
            if self._copy is not None:
                self._copy.mux_until(None)
            self._container = None
            container.close()
        except av.InvalidDataError as error:
            self._tolerate(error)
        except av.FFmpegError as error:
            raise self._failure(error) from error
        finally:
            self.close()
        if self._refused:
            self._check_pictures()
        if self._copy is not None and self._muxer in ("mp4", "mov"):
            complete_tags(self._work, self._copy.file_tags, self._languages)
        if self._states_aspect_itself:
            info = self._info
            set_pixel_aspect(self._work, info.width, info.height, info.sample_aspect_ratio)

    def close(self) -> None:
        """Lets go of both files, whatever state the written one is in."""
        container, self._container = self._container, None
        try:
            if container is not None:
                container.close()
        except av.FFmpegError:
            pass  # the file is thrown away: that its end could not be written (disk full) does not matter
        finally:
            if self._copy is not None:
                self._copy.close()

    def _open(self, container: OutputContainer, plan: EncoderPlan, copy_from: SourceFile | None) -> None:
        if copy_from is not None:
            self._copy = Passthrough(copy_from, container, self._info.trim)
            width, height = self._copy.video_size
            scale = (Fraction(self._info.width, width), Fraction(self._info.height, height))
            self._copy.describe_video(self.stream, scale)
            self._copy.describe_file()
            # A cover picture is no track of these formats.
            tracks = [s for s in container.streams if not s.disposition & Disposition.attached_pic]
            self._languages = tuple(stream.metadata.get("language") for stream in tracks)
        if self._states_aspect_itself:
            make_room(self.stream)
        container.container_options.update(self._muxer_options())
        try:
            container.start_encoding()
        except OSError as error:  # the file itself: no room, no permission
            raise self._failure(error) from error
        except (av.FFmpegError, ValueError) as error:
            # Each copied stream was tried before, so it is the new one.
            raise UsageError(
                f"{self._path.suffix} cannot hold {plan.codec} in {plan.pixel_format} ({reason(error)}); "
                "write .mkv or choose another codec"
            ) from error

    def _muxer_options(self) -> dict[str, str]:
        if self._muxer not in ("mp4", "mov"):
            # Matroska would shift the whole file where sound starts before zero (encoder delay of AAC).
            return {"avoid_negative_ts": "disabled"} if self._muxer in ("matroska", "webm") else {}
        # Exact times need the input's own clock. Edit lists (start, encoder delay) count in the movie's
        # clock, by default milliseconds: take one that holds both video and sound.
        ticks = self._info.time_base.denominator
        movie = ticks
        for rate in self._copy.sample_rates if self._copy else ():
            movie = math.lcm(movie, rate) if math.lcm(movie, rate) <= _MAX_TIMESCALE else movie
        return {"video_track_timescale": str(ticks), "movie_timescale": str(movie)}

    def _last_duration(self, packet: EncodedPacket, length: int) -> int:
        """MP4 states a track's length as the sum of its packets' durations in decoding order, which with
        B-frames and a variable rate is not how long it lasts; the last packet takes up the difference.
        (The edit list may then end later than the track by the reordering delay, which does no harm.)
        """
        if self._muxer not in ("mp4", "mov") or self._first is None:
            return packet.duration
        return max(length - (packet.dts - self._first.dts), 0)

    def _write(self, encoded: EncodedPacket, duration: int) -> None:
        assert self._container is not None
        packet: Packet[Stream] = av.Packet(encoded.data)
        packet.stream = self.stream
        packet.time_base = self._info.time_base
        packet.pts, packet.dts, packet.duration = encoded.pts, encoded.dts, duration
        packet.is_keyframe = encoded.is_keyframe
        try:
            if self._copy is not None:
                self._copy.mux_until(encoded.dts * self._info.time_base)
            self._container.mux(packet)
        except av.InvalidDataError as error:
            self._tolerate(error)
        except av.FFmpegError as error:
            raise self._failure(error) from error
        self._pictures += 1

    def _tolerate(self, error: av.FFmpegError) -> None:
        """FFmpeg writes packets when their time has come: what it refuses now is one that it took before, and
        by all means a damaged one of sound. That none of the pictures went with it is checked at the end."""
        if self._copy is None:
            raise self._failure(error) from error
        self._copy.count_damaged()
        self._refused = True

    def _check_pictures(self) -> None:
        with av.open(str(self._work)) as container:
            stream = container.streams[0]  # the first one that was added
            found = sum(packet.size > 0 for packet in container.demux(stream))
        if found != self._pictures:
            raise MediaError(
                f"{self._path}: damaged sound of the input spoils the file ({found} of {self._pictures} "
                "pictures are in it); remove that sound from the input, or write .mkv"
            )

    def _failure(self, error: Exception) -> MediaError:
        return MediaError(f"{self._path}: writing failed: {reason(error)}")
