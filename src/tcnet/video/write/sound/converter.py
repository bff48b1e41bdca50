"""Sound in another form: the same samples in the same speakers, as exactly as the container can hold them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.stream import Stream

from tcnet.video.pyav import layout_of
from tcnet.video.write.sound.speakers import Placement, exact_placement, near_placements, speaker_names

# Encoders to try by muxer. Lossless, but for WebM, which has nothing lossless.
_ENCODERS = {
    "mp4": ("alac", "flac", "pcm"),
    "mov": ("alac", "pcm"),
    "matroska": ("flac", "wavpack"),
    "webm": ("libopus",),
}
_OPUS_RATE = 48000
# FFmpeg's wrapper of libopus puts the channels of these into each other's places unless told the family.
_OPUS_FAMILY = {"5.0": "1", "6.1": "1"}
_TRIAL_SAMPLES = 4800


@dataclass(frozen=True, slots=True)
class Depth:
    """Bits of a sample that mean something. floating: they are a floating-point number's."""

    bits: int
    floating: bool = False


@dataclass(frozen=True, slots=True)
class SoundForm:
    """encoder, format: FFmpeg's names for both. loss: what the samples lose, empty for nothing."""

    encoder: str
    format: str
    placement: Placement
    loss: str = ""


class AudioConverter:
    """See `Converter`."""

    def __init__(self, output: OutputContainer, source: AudioStream, form: SoundForm) -> None:
        """Raises av.FFmpegError or ValueError for what the encoder or the container refuses."""
        opus = form.encoder == "libopus"
        family = _OPUS_FAMILY.get(form.placement.layout) if opus else None
        self._rate = _OPUS_RATE if opus else source.codec_context.sample_rate
        added = output.add_stream(
            form.encoder, rate=self._rate, options={"mapping_family": family} if family else {}
        )
        self._encoder = cast(AudioStream, added)
        context = self._encoder.codec_context
        context.format, context.layout = av.AudioFormat(form.format), AudioLayout(form.placement.layout)
        context.time_base = Fraction(1, self._rate)
        context.open()
        self._source = source
        self._layout = layout_of(source.codec_context).name
        self._form = form
        self._chain: _Chain | None = None
        self.stream: Stream = self._encoder
        self.name = "opus" if opus else form.encoder
        self.note = "; ".join(text for text in (form.loss, form.placement.note) if text)
        self.changed = 0

    def convert(self, packet: "Packet[Stream] | None") -> "list[Packet[Stream]]":
        frames = self._source.codec_context.decode(cast("Packet[AudioStream] | None", packet))
        ready = []
        for frame in frames:
            layout_of(frame)  # of each: it ends the process otherwise, whether asked for or not
            ready += self._placed(frame)
        if packet is not None:
            return [encoded for frame in ready for encoded in self._encoder.encode(frame)]
        ready += self._chain.end() if self._chain else []
        return [encoded for frame in [*ready, None] for encoded in self._encoder.encode(frame)]

    def silence(self) -> "list[Packet[Stream]]":
        """All packets of a short silence, to see what a container makes of them."""
        layout = AudioLayout(self._form.placement.layout)
        frame = AudioFrame.from_ndarray(
            np.zeros((1, _TRIAL_SAMPLES * layout.nb_channels), np.int16), "s16", layout
        )
        frame.sample_rate, frame.pts, frame.time_base = self._rate, 0, Fraction(1, self._rate)
        format_ = self._encoder.codec_context.format
        ready = _drained(av.AudioResampler(format_, layout, self._rate), frame)
        return [encoded for same in [*ready, None] for encoded in self._encoder.encode(same)]

    def _placed(self, frame: AudioFrame) -> list[AudioFrame]:
        ended: list[AudioFrame] = []
        if self._chain is None or not self._chain.takes(frame):
            ended = self._chain.end() if self._chain else []
            usual = frame.layout.name == self._layout
            placement = self._form.placement if usual else None
            self._chain = _Chain(frame, placement, self._encoder)
        self.changed += self._chain.mixes
        return ended + self._chain.feed(frame)


class _Chain:
    """Frames of one kind in the form that an encoder takes. placement: None mixes them by FFmpeg's rules."""

    def __init__(self, frame: AudioFrame, placement: Placement | None, encoder: AudioStream) -> None:
        context = encoder.codec_context
        self._kind = _kind(frame)
        self._placement = placement
        self._resampler = av.AudioResampler(context.format, context.layout, context.sample_rate)
        self._packer: av.AudioResampler | None = None
        self.mixes = placement is None
        if placement is not None:
            native = exact_placement(frame.layout)
            named = speaker_names(frame.layout) != ()
            if native is not None and not (named and native.layout == placement.layout):
                # FFmpeg would mix what has no names. Packed, since PyAV reads beyond the list of planes where
                # there are eight.
                layout = av.AudioLayout(native.layout) if named else frame.layout
                self._packer = av.AudioResampler(frame.format.packed, layout, frame.sample_rate)

    def takes(self, frame: AudioFrame) -> bool:
        return _kind(frame) == self._kind

    def feed(self, frame: AudioFrame) -> list[AudioFrame]:
        if self._packer is None:
            return self._resampler.resample(frame)
        placed = [self._place(packed) for packed in self._packer.resample(frame)]
        return [same for frame in placed for same in self._resampler.resample(frame)]

    def end(self) -> list[AudioFrame]:
        return _flushed(self._resampler)  # the packer holds nothing back

    def _place(self, frame: AudioFrame) -> AudioFrame:
        assert self._placement is not None
        samples = frame.to_ndarray().reshape(frame.samples, -1)
        placed = self._placement.place(samples).reshape(1, -1)
        new = AudioFrame.from_ndarray(cast(Any, placed), frame.format.name, self._placement.layout)
        new.sample_rate, new.pts, new.time_base = frame.sample_rate, frame.pts, frame.time_base
        return new


def sound_forms(muxer: str, source: AudioStream) -> Iterator[SoundForm]:
    """Forms to try, the best first: speakers and samples kept, samples rounded, then other layouts.

    Nothing where a damaged header leaves open what the source is.
    """
    context = source.codec_context
    layout = layout_of(context)
    if not context.sample_rate or context.format is None or not layout.nb_channels:
        return
    depth = _depth(source)
    lossless = context.codec.lossless and not context.codec.lossy
    exact = exact_placement(layout)
    if exact is not None:
        forms = [_form(encoder, depth, exact, lossless=lossless) for encoder in _ENCODERS.get(muxer, ())]
        yield from sorted(forms, key=lambda form: form.loss != "")
    for placement in near_placements(layout):
        for encoder in _ENCODERS.get(muxer, ()):
            yield _form(encoder, depth, placement, lossless=lossless)


def keeps_speakers(file: io.BytesIO, layout: AudioLayout) -> bool:
    """Whether the one sound track of a written file has the layout, or has none that could be read."""
    file.seek(0)
    try:
        with av.open(file) as container:
            found = layout_of(container.streams.audio[0].codec_context)
            return found.name == layout.name or speaker_names(found) == speaker_names(layout) != ()
    except (av.FFmpegError, ValueError, IndexError):
        return True


def _form(encoder: str, depth: Depth, placement: Placement, *, lossless: bool) -> SoundForm:
    """The encoder's own format of the depth, or the deepest that it has."""
    if encoder == "libopus":
        return SoundForm(encoder, "flt", placement, "lossy" if lossless else "")
    if encoder == "pcm":
        kind = "f" if depth.floating else "s"
        stored = {24: "s32"}.get(depth.bits, f"s{depth.bits}")
        if depth.floating:
            stored = "flt" if depth.bits == 32 else "dbl"
        return SoundForm(f"pcm_{kind}{depth.bits}le", stored, placement)
    planar = "" if encoder == "flac" else "p"
    if depth.bits == 16:
        return SoundForm(encoder, f"s16{planar}", placement)
    if encoder == "wavpack":
        format_ = "fltp" if depth.floating else "s32p"
        kept = 32
    else:
        format_, kept = f"s32{planar}", 24
    loss = f"{kept} of its {depth.bits} bits" if kept < depth.bits else ""
    return SoundForm(encoder, format_, placement, loss)


def _depth(source: AudioStream) -> Depth:
    """Of what a source's decoder gives; 24 bits where it computes samples of its own (lossy codecs)."""
    context = source.codec_context
    name, format_ = context.name, context.format.packed.name
    if format_ in ("u8", "s16"):
        return Depth(16)
    if format_ in ("flt", "dbl") and name.startswith(("pcm_f", "wavpack")):
        return Depth(64 if format_ == "dbl" else 32, floating=True)
    if format_ == "s32" and (name.startswith(("pcm_s32", "wavpack")) or _flac_bits(source) > 24):
        return Depth(32)
    return Depth(24)


def _flac_bits(source: AudioStream) -> int:
    """Bits of a sample by FLAC's STREAMINFO (RFC 9639, section 8.2); 0 for other codecs."""
    header = source.codec_context.extradata or b""
    if source.codec_context.name != "flac" or len(header) < 14:
        return 0
    return ((header[12] & 1) << 4 | header[13] >> 4) + 1


def _kind(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _drained(resampler: av.AudioResampler, frame: AudioFrame) -> list[AudioFrame]:
    return [*resampler.resample(frame), *_flushed(resampler)]


def _flushed(resampler: av.AudioResampler) -> list[AudioFrame]:
    # One that has nothing to do gives back what it gets, which is None.
    return [frame for frame in resampler.resample(None) if frame is not None]
