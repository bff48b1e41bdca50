"""FFmpeg's filters over pictures, whose times do not go through them."""

import av
from av.filter import Graph

from tcnet.video.filter_graph import TICK, filter_graph


class PictureFilter:
    """A chain of filters, made for the first picture, ended by `flush`, and made anew for the next."""

    def __init__(self, steps: list[tuple[str, str]]) -> None:
        """steps: (name, arguments) of each filter."""
        self._steps = steps
        self._graph: Graph | None = None
        self._count = 0

    def feed(self, picture: av.VideoFrame) -> list[av.VideoFrame]:
        """What comes out by now. The picture's pts and time base are overwritten."""
        if self._graph is None:
            self._graph = filter_graph(picture.width, picture.height, picture.format.name, self._steps)
        picture.pts, picture.time_base = self._count, TICK
        self._count += 1
        self._graph.vpush(picture)
        return _drained(self._graph)

    def flush(self) -> list[av.VideoFrame]:
        """What is left."""
        graph, self._graph = self._graph, None
        if graph is None:
            return []
        graph.vpush(None)
        return _drained(graph)


def _drained(graph: Graph) -> list[av.VideoFrame]:
    pictures = []
    while True:
        try:
            pictures.append(graph.vpull())
        except (av.BlockingIOError, av.EOFError):  # nothing more as yet, or at all
            return pictures
