"""One clock for all streams of a file, across resets and jumps of its timestamps.

Joined recordings, DVD cells and interrupted streams restart their timestamps, at a lower or a much higher
value. The file is read once, without decoding, and its packets are sorted into epochs, within which time
only moves forward. Each epoch is shifted as a whole, picture, sound and subtitles alike, to where the
streams of the one before it end.
"""

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.stream import VideoStream

from tcnet.video.clock import Clock
from tcnet.video.containers import PLAYLISTS
from tcnet.video.pyav import exact

STEP_BACK_SECONDS = 0.1
"""A step back of more than this, in sound or at a key frame, is a reset (FFmpeg's programs use the same
value). Smaller ones are moved by the least amount (`RisingTimes`)."""
BROADCAST_GAP_SECONDS = 10.0
"""A step ahead of all streams by more than this is a reset, in formats that allow timestamp discontinuities
(FFmpeg's programs use the same value)."""
FILE_GAP_SECONDS = 3600.0
"""The same for all other formats, where a picture may stand for long: slide shows, cameras that wait for
motion."""
_REORDERED_PICTURES = 16  # that H.264 and HEVC decode before one that is shown earlier, at most
_BESIDE_SECONDS = 10.0  # streams of one epoch are no further apart at one place of the file
_SAME_SKEW_SECONDS = 0.25  # tolerance for sound that is as far from the picture as before
_WRAP = Fraction(2**33, 90000)  # seconds after which MPEG timestamps wrap around
_WRAPPING = frozenset(["mpegts", "mpeg"])
_STATING = frozenset(["mov,mp4,m4a,3gp,3g2,mj2"])
_TS_DISCONT = 0x200  # AVFMT_TS_DISCONT, a flag of formats


@dataclass(frozen=True, slots=True)
class TrackKind:
    """time_base: seconds of a tick. step: seconds from one picture to the next, 0 if unknown."""

    kind: str  # "video", "audio" or "subtitle"
    time_base: Fraction
    step: float = 0.0


@dataclass(slots=True)
class _Track:
    """What was seen of a stream. epoch: the current one; high: the latest start in it, in seconds."""

    what: TrackKind
    tick: float
    count: int = 0
    epoch: int = -1
    high: float = 0.0
    highest: list[float] = field(default_factory=list)  # of the starts in the epoch, rising
    usual: int = 0  # ticks that packets last
    decoded: int | None = None  # the tick at which the last packet is decoded
    ends: dict[int, int] = field(default_factory=dict)  # by epoch, in ticks
    switches: list[tuple[int, int]] = field(default_factory=list)  # (packet, epoch from there on)
    postponed: int | None = None  # the packet, of this epoch, that is presented after all others
    entered: tuple[int, int] | None = None  # the first packet of this epoch, and the epoch before
    early: tuple[int, float] | None = None  # a subtitle that is ahead of all: (packet, seconds)

    @property
    def length(self) -> int:
        """Ticks of a packet; 0 if unknown."""
        return self.usual or round(self.what.step / self.tick)


@dataclass(slots=True)
class _Epoch:
    """Times are those of the file. first, latest: seconds. starts: by stream, in ticks. entries: for each
    stream that came from another epoch, that epoch, the tick at which the stream ended there, and the one
    at which it starts here (None: the least). fixed: another epoch and the known distance from it. skews:
    by (stream, epoch of the pictures), the least and the most seconds by which packets were ahead of the
    pictures beside them."""

    first: float
    latest: float
    starts: dict[int, int] = field(default_factory=dict)
    entries: dict[int, tuple[int, int, int | None]] = field(default_factory=dict)
    fixed: tuple[int, Fraction] | None = None
    skews: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)


class ClockFinder:
    """Sorts the packets of a file into epochs."""

    def __init__(
        self, tracks: Mapping[int, TrackKind], *, video: int, discontinuous: bool = False, wraps: bool = False
    ) -> None:
        """tracks: by stream index. video: index of the main video. discontinuous: see `Clock`. wraps:
        timestamps are 33 bits of a 90 kHz clock."""
        self._tracks = {index: _Track(what, float(what.time_base)) for index, what in tracks.items()}
        self._timed = [track for track in self._tracks.values() if track.what.kind != "subtitle"]
        self._main = self._tracks[video]
        self._video = video
        self._discontinuous = discontinuous
        self._gap = BROADCAST_GAP_SECONDS if discontinuous else FILE_GAP_SECONDS
        self._wraps = wraps
        self._epochs: list[_Epoch] = []
        self._postponed: dict[tuple[int, int], int] = {}

    def add(
        self,
        index: int,
        time: int | None,
        duration: int = 0,
        *,
        decoded: int | None = None,
        is_keyframe: bool = True,
        is_postponed: bool = False,
    ) -> None:
        """Take the next packet of the file. time, duration, decoded: presentation time, length and, where the
        file states it, decoding time in ticks of its stream. is_postponed: the presentation time is unknown;
        it is after all others before the next reset."""
        track = self._tracks[index]
        place, track.count = track.count, track.count + 1
        if time is None:
            return
        seconds = time * track.tick
        if track.what.kind == "subtitle":
            self._add_text(track, seconds, place)
            return
        if not is_keyframe and self._is_left_behind(track, seconds):
            self._put_back(index, track, time)
            track.decoded = decoded
            return
        chosen = self._epoch_of(track, seconds, decoded, is_keyframe=is_keyframe)
        epoch = self._epochs[chosen]
        if chosen != track.epoch:
            if track.epoch >= 0:
                self._settle(index, track)
                epoch.entries.setdefault(index, self._entry(track, decoded, is_keyframe=is_keyframe))
                # Where streams are cut and damaged, only if the picture is decoded as if nothing was.
                amid = not self._discontinuous or self._is_decoded_next(track, decoded)
                track.entered = (place, track.epoch) if amid else None
            track.switches.append((place, chosen))
            track.epoch, track.high = chosen, seconds
            track.highest.clear()
        track.postponed = place if is_postponed else track.postponed
        track.high = max(track.high, seconds)
        insort(track.highest, seconds)
        del track.highest[: -_REORDERED_PICTURES - 1]
        epoch.latest = max(epoch.latest, seconds)
        epoch.starts[index] = min(epoch.starts.get(index, time), time)
        if 0 < duration * track.tick <= self._gap:  # in MP4 packets last until the next one, across any gap
            track.usual = duration
        track.decoded = decoded
        end = time + track.length
        track.ends[chosen] = max(track.ends.get(chosen, end), end)
        if track is not self._main and self._main.epoch >= 0:
            key = (index, self._main.epoch)
            skew = seconds - self._main.high
            least, most = epoch.skews.get(key, (skew, skew))
            epoch.skews[key] = min(least, skew), max(most, skew)

    def _is_left_behind(self, track: _Track, seconds: float) -> bool:
        """Whether a picture is decoded after one from behind a jump ahead, and shown before it."""
        if track.what.kind != "video" or track.entered is None:
            return False
        entered, before = track.entered
        latest = self._epochs[before].latest
        return (
            track.count - entered <= _REORDERED_PICTURES
            and self._epochs[track.epoch].first > latest + self._gap
            and abs(seconds - latest) <= _BESIDE_SECONDS
        )

    def _put_back(self, index: int, track: _Track, time: int) -> None:
        """The packet alone is of the epoch before the current one, which begins behind it."""
        assert track.entered is not None
        before = track.entered[1]
        track.switches += [(track.count - 1, before), (track.count, track.epoch)]
        track.ends[before] = max(track.ends[before], time + track.length)
        self._epochs[before].latest = max(self._epochs[before].latest, time * track.tick)
        self._epochs[track.epoch].entries[index] = (before, track.ends[before], None)

    def _entry(self, track: _Track, decoded: int | None, *, is_keyframe: bool) -> tuple[int, int, int | None]:
        """Of a stream into its next epoch. A reset amid pictures that refer to each other, some of them shown
        before others from before the reset, is bridged in the order of decoding; not in MP4, whose decoding
        times follow a jump ahead some pictures later."""
        if is_keyframe or decoded is None or track.decoded is None or self._is_decoded_next(track, decoded):
            return track.epoch, track.ends[track.epoch], None
        return track.epoch, track.decoded + track.length, decoded

    def _is_decoded_next(self, track: _Track, decoded: int | None) -> bool:
        if decoded is None or track.decoded is None:
            return False
        return 0 <= (decoded - track.decoded) * track.tick <= self._gap

    def _settle(self, index: int, track: _Track) -> None:
        """Give the postponed packet its time, at the end of the stream's epoch."""
        if track.postponed is not None:
            end = track.ends[track.epoch]
            self._postponed[index, track.postponed] = end
            track.ends[track.epoch] = end + track.length
            track.postponed = None

    def find(self) -> Clock:
        """The clock of all packets added."""
        for index, track in self._tracks.items():
            self._settle(index, track)
        shifts = self._shifts()
        moves = {}
        for index, track in self._tracks.items():
            steps = tuple((place, shifts[epoch]) for place, epoch in track.switches)
            if any(shift for _, shift in steps):
                moves[index] = steps
        main, tick = self._main, self._main.what.time_base
        epochs = tuple(
            (self._epochs[n].starts[self._video] * tick, end * tick, shifts[n])
            for n, end in main.ends.items()
        )
        return Clock(
            moves=moves,
            resets=sum(self._epochs[n].fixed is None for n in main.ends if n != main.switches[0][1]),
            pictures=main.count,
            start=min((start + shift for start, _, shift in epochs), default=None),
            end=max((end + shift for _, end, shift in epochs), default=None),
            discontinuous=self._discontinuous,
            epochs=epochs,
            postponed=self._postponed,
            alone={i: n for i, track in self._tracks.items() if (n := self._resets_alone(track, shifts))},
        )

    def _resets_alone(self, track: _Track, shifts: list[Fraction]) -> int:
        return sum(
            self._video not in self._epochs[after].starts
            and self._epochs[after].fixed is None
            and shifts[before] != shifts[after]
            for (_, before), (_, after) in pairwise(track.switches)
        )

    def _steps_back(self, track: _Track, seconds: float, decoded: int | None, *, is_keyframe: bool) -> bool:
        known = decoded is not None and track.decoded is not None
        # MP4 without an index of key frames marks all pictures as such.
        if track.what.kind != "video" or (is_keyframe and (self._discontinuous or not known)):
            return seconds < track.high - STEP_BACK_SECONDS
        if decoded is not None and track.decoded is not None:
            return (decoded - track.decoded) * track.tick < -STEP_BACK_SECONDS
        # Where pictures stand for long, B-frames come long before the picture that is decoded first.
        return len(track.highest) > _REORDERED_PICTURES and seconds < track.highest[0]

    def _epoch_of(self, track: _Track, seconds: float, decoded: int | None, *, is_keyframe: bool) -> int:
        """The epoch of a packet of picture or sound: the current one of its stream, if its time fits."""
        own = track.epoch
        if own >= 0:
            back = self._steps_back(track, seconds, decoded, is_keyframe=is_keyframe)
            if not back and seconds <= self._epochs[own].latest + self._gap:
                return own
        # Another stream may be in the new epoch already, or this one returns from a stray timestamp. First
        # packets may be far from the other streams where a file is badly interleaved.
        beside = _BESIDE_SECONDS if own >= 0 else FILE_GAP_SECONDS
        for number in sorted({other.epoch for other in self._timed} - {own, -1}, reverse=True):
            ended = track.ends.get(number)
            goes_on = ended is None or seconds >= ended * track.tick - STEP_BACK_SECONDS
            if goes_on and abs(seconds - self._epochs[number].latest) <= beside:
                return number
        if own < 0 and not self._discontinuous:  # the pictures are behind a jump already
            for number, epoch in enumerate(self._epochs):
                if epoch.first - _BESIDE_SECONDS <= seconds <= epoch.latest + _BESIDE_SECONDS:
                    return number
        return self._open(own, seconds)

    def _open(self, own: int, seconds: float) -> int:
        number = len(self._epochs)
        opened = _Epoch(first=seconds, latest=seconds)
        if number:
            beside = own if own >= 0 else number - 1
            latest = self._epochs[beside].latest
            turns = (_WRAP, -_WRAP) if self._wraps else ()
            turn = next((t for t in turns if abs(seconds + float(t) - latest) <= _BESIDE_SECONDS), None)
            if turn is not None:
                opened.fixed = (beside, turn)
            elif own < 0:  # a stream of another programme: packets side by side belong together
                opened.fixed = (beside, Fraction(round((latest - seconds) * 1000), 1000))
        self._epochs.append(opened)
        for track in self._tracks.values():
            early, track.early = track.early, None
            if early is not None and abs(early[1] - seconds) <= _BESIDE_SECONDS:
                track.switches.append((early[0], number))
                track.epoch = number
        return number

    def _add_text(self, track: _Track, seconds: float, place: int) -> None:
        """Subtitles are sparse: they follow the newest epoch of picture and sound in whose range they lie."""
        chosen = len(self._epochs) - 1
        for number in range(chosen, -1, -1):
            epoch = self._epochs[number]
            if epoch.first - _BESIDE_SECONDS <= seconds <= epoch.latest + _BESIDE_SECONDS:
                chosen = number
                break
        if chosen < 0 or seconds > self._epochs[chosen].latest + self._gap:
            track.early = track.early or (place, seconds)
            return
        epoch = self._epochs[chosen]
        epoch.latest = max(epoch.latest, seconds)
        if chosen != track.epoch:
            track.switches.append((place, chosen))
            track.epoch = chosen

    def _shifts(self) -> list[Fraction]:
        """Seconds by which each epoch is shifted: the least that keeps its streams from overlapping
        themselves."""
        shifts: list[Fraction] = []
        for number, epoch in enumerate(self._epochs):
            if epoch.fixed is not None:
                shifts.append(shifts[epoch.fixed[0]] + epoch.fixed[1])
                continue
            entries = {index: entry for index, entry in epoch.entries.items() if entry[0] < number}
            wanted = [
                shifts[other]
                + (end - (epoch.starts[index] if start is None else start))
                * self._tracks[index].what.time_base
                for index, (other, end, start) in entries.items()
            ]
            kept = [shifts[entry[0]] for i, entry in entries.items() if self._overlaps(i, entry[0], epoch)]
            shifts.append(kept[0] if kept else max(wanted, default=Fraction(0)))
        return shifts

    def _overlaps(self, index: int, other: int, epoch: _Epoch) -> bool:
        """Whether sound alone went back and is as far from the picture as before: then a recording's sound
        reaches into the next recording, and nothing was reset."""
        if self._video in epoch.starts:
            return False
        for key, (least, most) in epoch.skews.items():
            before = self._epochs[other].skews.get(key)
            if key[0] == index and before is not None:
                return before[0] - _SAME_SKEW_SECONDS <= least and most <= before[1] + _SAME_SKEW_SECONDS
        return False


class FileClockFinder:
    """Finds the clock of an open file, all of whose packets it is given."""

    def __init__(self, container: InputContainer, main: VideoStream) -> None:
        self._main = main.index
        rate = max((r for r in (exact(main.average_rate), exact(main.guessed_rate)) if r), default=None)
        self._tracks = {
            s.index: TrackKind(s.type, time_base, float(1 / rate) if s.index == main.index and rate else 0.0)
            for s in container.streams
            if s.index == main.index or s.type in ("audio", "subtitle")
            if (time_base := exact(s.time_base)) is not None
        }
        self._discontinuous = bool(container.format.flags & _TS_DISCONT)
        self._derived = container.format.name == "mpeg"  # a program stream
        # Elsewhere FFmpeg derives decoding times.
        self._stated = self._discontinuous or container.format.name in _STATING
        self._discarded = 0
        self._finder: ClockFinder | None = None
        # FFmpeg joins what playlists name: their clocks have no end that could be waited for.
        if main.index in self._tracks and container.format.name not in PLAYLISTS:
            wraps = container.format.name in _WRAPPING
            self._finder = ClockFinder(
                self._tracks, video=main.index, discontinuous=self._discontinuous, wraps=wraps
            )

    @property
    def reads_all(self) -> bool:
        """False where no packet tells anything."""
        return self._finder is not None

    def add(self, packet: "Packet[Stream]") -> None:
        """Take the next packet of the file, of any stream."""
        if self._finder is None:
            return
        if packet.is_discard:  # its time means nothing
            self._discarded += packet.stream_index == self._main
        elif packet.stream_index in self._tracks and packet.size:
            postponed = self._derived and _is_postponed(packet)
            self._finder.add(
                packet.stream_index,
                packet.dts if packet.pts is None or postponed else packet.pts,
                packet.duration or 0,
                decoded=packet.dts if self._stated else None,
                is_keyframe=packet.is_keyframe,
                is_postponed=postponed,
            )

    def find(self) -> Clock:
        """The clock of all packets added."""
        if self._finder is None:
            return Clock()
        return replace(self._finder.find(), discarded=self._discarded)


def _is_postponed(packet: "Packet[Stream]") -> bool:
    """FFmpeg derives the presentation time of a reference picture in a program stream from the next one's
    decoding time. For the last one before a reset that is a time after the reset."""
    if packet.pts is None or packet.dts is None:
        return False
    delay = (packet.pts - packet.dts) * float(packet.time_base)
    return not -STEP_BACK_SECONDS <= delay <= _BESIDE_SECONDS
