"""HEVC whose fields are coded as single pictures of half the height (ITU-T H.265, field_seq_flag): woven into
frames, as other codecs give them."""

from fractions import Fraction

import av
from av.filter import Graph
from av.video.frame import VideoFrame

_CODEC = "hevc"  # whose decoder marks a picture as interlaced only where it is a field alone
_TICK = Fraction(1, 1000)  # of the filters' clock
_Kind = tuple[int, int, str]


class FieldWeaver:
    """Pictures in, frames out; what is no field goes through. codec: its canonical name.

    woven: frames of two fields. alone: fields whose other one is missing; their rows are doubled.
    """

    def __init__(self, codec: str) -> None:
        self._applies = codec == _CODEC
        self._held: tuple[VideoFrame, bool] | None = None
        self._graphs: dict[tuple[_Kind, str], Graph] = {}
        self.woven = 0
        self.alone = 0

    def feed(self, picture: VideoFrame) -> list[VideoFrame]:
        if not (self._applies and picture.interlaced_frame):
            return [*self.flush(), picture]
        is_top = self._is_top(picture)
        if self._held is None:
            self._held = (picture, is_top)
            return []
        first, first_is_top = self._held
        if first_is_top == is_top or _kind(first) != _kind(picture):
            ended = self.flush()
            self._held = (picture, is_top)
            return ended
        self._held = None
        self.woven += 1
        return [self._weave(first, picture, top_first=first_is_top)]

    def flush(self) -> list[VideoFrame]:
        """The last field, if it has no other one."""
        if self._held is None:
            return []
        (field, is_top), self._held = self._held, None
        self.alone += 1
        return [self._weave(field, field, top_first=is_top)]

    def _is_top(self, picture: VideoFrame) -> bool:
        """PyAV does not tell; a filter that lets top fields through does."""
        graph = self._graph(picture, "select", "eq(interlace_type\\,TOPFIRST)")
        return _through(graph, picture) is not None

    def _weave(self, first: VideoFrame, second: VideoFrame, *, top_first: bool) -> VideoFrame:
        graph = self._graph(first, "weave", f"first_field={'top' if top_first else 'bottom'}")
        _through(graph, first)
        woven = _through(graph, second)
        assert woven is not None  # it gives one for every two
        woven.pts, woven.time_base, woven.duration = first.pts, first.time_base, first.duration
        if second is not first:
            woven.duration += second.duration
        return woven

    def _graph(self, picture: VideoFrame, name: str, arguments: str) -> Graph:
        key = (_kind(picture), arguments)
        if key not in self._graphs:
            graph = Graph()
            source = graph.add_buffer(
                width=picture.width, height=picture.height, format=picture.format, time_base=_TICK
            )
            step = graph.add(name, arguments)
            source.link_to(step)
            step.link_to(graph.add("buffersink"))
            graph.configure()
            self._graphs[key] = graph
        return self._graphs[key]


def _kind(picture: VideoFrame) -> _Kind:
    return picture.width, picture.height, picture.format.name


def _through(graph: Graph, picture: VideoFrame) -> VideoFrame | None:
    """What a filter gives for the picture, which keeps its times; None for nothing."""
    pts, time_base = picture.pts, picture.time_base
    picture.time_base = _TICK
    try:
        graph.vpush(picture)
        return graph.vpull()
    except av.BlockingIOError:
        return None
    finally:
        picture.pts, picture.time_base = pts, time_base


def frame_aspect(field_aspect: Fraction) -> Fraction:
    """The pixel aspect of a frame, of its fields': streams state the one or the other.

    Halved, the aspects in use (8:9 to 16:11) lie below 3:4.
    """
    return field_aspect * 2 if field_aspect < Fraction(3, 4) else field_aspect
