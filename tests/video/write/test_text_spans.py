"""Subtitles that overlap become texts that follow each other, and nothing of them is lost."""

from fractions import Fraction

import av
import pytest

from tcnet.video import open_sink, open_source
from tcnet.video.write.text_spans import TextSpan, TextSpans

MILLISECOND = Fraction(1, 1000)


def event(text, style="Default"):
    return f"0,0,{style},,0,0,0,,{text}".encode()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([(0, 4, "a"), (6, 9, "b")], [(0, 4, "a"), (6, 9, "b")]),
        ([(0, 4, "a"), (0, 4, "b")], [(0, 4, "ab")]),
        ([(0, 4, "a"), (0, 6, "b")], [(0, 4, "ab"), (4, 6, "b")]),
        ([(0, 6, "a"), (2, 4, "b")], [(0, 2, "a"), (2, 4, "ab"), (4, 6, "a")]),
        ([(0, 6, "a"), (2, 8, "b"), (3, 9, "c")],
         [(0, 2, "a"), (2, 3, "ab"), (3, 6, "abc"), (6, 8, "bc"), (8, 9, "c")]),
        ([(0, None, "a"), (5, 7, "b")], [(0, 5, "a"), (5, 7, "b")]),
        ([(0, 2, "a"), (3, None, "b")], [(0, 2, "a"), (3, None, "b")]),
        ([(0, 4, "a"), (4, 6, "b")], [(0, 4, "a"), (4, 6, "b")]),
    ],
)  # fmt: skip
def test_time_is_cut_at_each_start_and_end(texts, expected):
    spans = TextSpans()
    found = [span for start, end, text in texts for span in spans.add(TextSpan(start, end, event(text)))]
    found += spans.finish()
    shown = [(span.start, span.end, span.dialogue.split(b",", 8)[-1]) for span in found]
    assert [(start, end, text.replace(b"\\N{\\rDefault}", b"").decode()) for start, end, text in shown] == (
        expected
    )


def with_texts(clips, path, texts):
    plain = clips.write(path.with_name("plain.mkv"), clips.clip(times=tuple(range(13)), size=(64, 64)))
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        video = new.add_stream_from_template(old.streams.video[0])
        subtitle = new.add_mux_stream("subrip", time_base=MILLISECOND)
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = video
                new.mux(packet)
        for start, end, text in texts:
            packet = av.Packet(text.encode())
            packet.stream, packet.time_base = subtitle, MILLISECOND
            packet.pts = packet.dts = start
            packet.duration = end - start
            new.mux(packet)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_texts_that_start_together_are_both_shown(clips, tmp_path, suffix):
    texts = [(80, 200, "<i>Who</i> is it?"), (80, 240, "Me."), (300, 400, "Come in."), (350, 450, "Thanks.")]
    source = with_texts(clips, tmp_path / "a.mkv", texts)
    with open_source(source) as reader:
        sink = open_sink(tmp_path / f"b{suffix}", info=reader.info, copy_from=source)
        for frame in reader:
            sink.write(frame)
        sink.finish()
    with av.open(str(tmp_path / f"b{suffix}")) as container:
        stream = container.streams.subtitles[0]
        found = [
            (round(p.pts * p.time_base * 1000), round((p.pts + p.duration) * p.time_base * 1000), bytes(p))
            for p in container.demux(stream)
            if p.size and bytes(p) != b"\0\0"
        ]
    shown = [
        (start, end, data[2 : 2 + int.from_bytes(data[:2], "big")].decode()) for start, end, data in found
    ]
    assert shown == [
        (80, 200, "Who is it?\nMe."), (200, 240, "Me."),
        (300, 350, "Come in."), (350, 400, "Come in.\nThanks."), (400, 450, "Thanks."),
    ]  # fmt: skip
    assert b"styl" in found[0][2]  # the first three letters are slanted
    assert b"styl" not in found[1][2]
