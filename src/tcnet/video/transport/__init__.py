"""Recordings joined in one transport stream (MPEG-TS), whose streams have other numbers (PID) each.

FFmpeg takes what comes under a new number for a further stream, and a number that stands for another kind of
stream for damage. Here the tables of the file (PAT and PMT) say where its streams change: each is given, as
the file is read, the number that the first stream of its format has, and one of another format a number of
its own.
"""

from tcnet.video.transport.finder import find_renumbering
from tcnet.video.transport.renumbering import Renumbering, Stranger

__all__ = ["Renumbering", "Stranger", "find_renumbering"]
