"""FFmpeg's filters in a row, from one picture to the next."""

from collections.abc import Iterable
from fractions import Fraction

import av
from av.filter import Graph

TICK = Fraction(1, 1000)
"""The time base of the pictures, in seconds."""


def filter_graph(width: int, height: int, pixel_format: str, steps: Iterable[tuple[str, str]]) -> Graph:
    """A graph for pictures of one kind. steps: names of filters with their arguments, "" for none."""
    graph = Graph()
    node = graph.add_buffer(width=width, height=height, format=av.VideoFormat(pixel_format), time_base=TICK)
    for name, arguments in [*steps, ("buffersink", "")]:
        following = graph.add(name, arguments or None)
        node.link_to(following)
        node = following
    graph.configure()
    return graph
