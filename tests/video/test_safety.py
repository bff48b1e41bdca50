"""Files that lie: about their size, or by naming other files and addresses."""

import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from tcnet.errors import MediaError
from tcnet.video import ReadOptions, open_source, write_png
from tcnet.video.containers import open_input

HUGE = 60000
MOST_GROWTH = 150 * 2**20  # bytes; one frame of 60000x60000 would be 10 GiB


def write(path, codec="libx264", pixel_format="yuv420p", size=(32, 24), container_format=None):
    with av.open(str(path), "w", format=container_format) as container:
        video = container.add_stream(codec, rate=25)
        video.width, video.height, video.pix_fmt = *size, pixel_format
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 9 * index, np.uint8), "rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


def count(path, **options):
    with open_source(path, ReadOptions(**options)) as source:
        return sum(1 for _ in source)


class Server(ThreadingHTTPServer):
    """Serves one file under any name and counts who asks."""

    def __init__(self, data):
        self.asked = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server(tmp_path):
    served = Server(write(tmp_path / "served.ts").read_bytes())
    yield served
    served.shutdown()
    served.server_close()


def m3u8(target):
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.2,\n{target}\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize("name", ["list.m3u8", "list.mp4", "list.txt"])
def test_a_playlist_is_not_followed_to_another_file(tmp_path, name):
    write(tmp_path / "secret.ts")
    (tmp_path / name).write_text(m3u8("secret.ts"))
    with pytest.raises(MediaError, match="is a playlist; what it names is not opened"):
        count(tmp_path / name)


def test_a_playlist_is_not_followed_to_an_address(tmp_path, server):
    (tmp_path / "list.m3u8").write_text(m3u8(f"{server.address}/served.ts"))
    with pytest.raises(MediaError, match="is a playlist"):
        count(tmp_path / "list.m3u8")
    assert server.asked == []


@pytest.mark.parametrize("target", ["secret.mp4", "{folder}/secret.mp4", "http://127.0.0.1:9/a.mp4"])
def test_a_concat_file_is_not_followed(tmp_path, target):
    write(tmp_path / "secret.mp4")
    (tmp_path / "list.ffconcat").write_text(
        f"ffconcat version 1.0\nfile '{target.format(folder=tmp_path)}'\n"
    )
    with pytest.raises(MediaError, match="is a playlist"):
        count(tmp_path / "list.ffconcat")


OTHERS = {
    "a.mpd": '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>',
    "a.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "a.idx": "# VobSub index file, v7\nsize: 720x576\ntimestamp: 00:00:00:000, filepos: 000000000\n",
    "a.smil": "<smil><body><video src='secret.mp4'/></body></smil>",
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("allowed", [False, True])
def test_other_lists_are_not_followed(tmp_path, name, allowed):
    (tmp_path / name).write_text(OTHERS[name])
    with pytest.raises(MediaError):
        count(tmp_path / name, allow_network=allowed)


def test_playlists_are_followed_where_that_is_allowed(tmp_path, server):
    write(tmp_path / "other.ts")
    (tmp_path / "file.m3u8").write_text(m3u8("other.ts"))
    assert count(tmp_path / "file.m3u8", allow_network=True) == 5
    (tmp_path / "address.m3u8").write_text(m3u8(f"{server.address}/served.ts"))
    assert count(tmp_path / "address.m3u8", allow_network=True) == 5
    assert "/served.ts" in server.asked
    (tmp_path / "list.ffconcat").write_text(f"ffconcat version 1.0\nfile '{tmp_path}/other.ts'\n" * 1)
    assert count(tmp_path / "list.ffconcat", allow_network=True) == 5


@pytest.mark.parametrize("name", ["x11grab", "v4l2", "lavfi", "concat", "hls", "tty", "vobsub"])
def test_devices_and_lists_are_not_among_the_formats(tmp_path, name):
    with pytest.raises(MediaError):
        open_input(tmp_path / f"{name}:0")
    path = tmp_path / "a.txt"
    path.write_text("testsrc=size=32x24:rate=25\n" * 50)
    with pytest.raises(MediaError):
        open_input(path)


def test_an_address_is_no_file():
    with pytest.raises(
        MediaError, match=r"https://example\.org/a\.mp4: is an address, only files are opened"
    ):
        open_input(Path("https://example.org/a.mp4"))


def grow(data, path, offset, extra):
    """Puts `extra` into a QuickTime file at `offset` inside the boxes named in `path`, and fixes their sizes."""
    start, end, places = 0, len(data), []
    for kind in path:
        while data[start + 4 : start + 8] != kind:
            start += struct.unpack_from(">I", data, start)[0]
            assert start < end, kind
        places.append(start)
        start += 8
    at = places[-1] + offset
    grown = bytearray(data[:at] + extra + data[at:])
    for place in places:
        size = struct.unpack_from(">I", grown, place)[0] + len(extra)
        struct.pack_into(">I", grown, place, size)
    return grown, places[-1]


def test_a_quicktime_file_is_not_followed_to_the_file_that_its_data_reference_names(tmp_path):
    """An alias with an absolute path, as QuickTime's reference movies have it."""
    whole = write(tmp_path / "secret.mov").read_bytes()
    name = str(tmp_path / "secret.mov").encode()
    body = bytes(10) + bytes([6]) + b"volume".ljust(27, b"\0") + bytes(12)
    body += bytes([10]) + b"secret.mov".ljust(63, b"\0") + bytes(16) + struct.pack(">hh", 1, 1) + bytes(16)
    body += struct.pack(">hH", 2, len(name)) + name + bytes(len(name) % 2) + struct.pack(">hH", -1, 0)
    entry = struct.pack(">I4sI", 12 + len(body), b"alis", 0) + body
    trail = [b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"]
    grown, place = grow(whole, trail, 16, entry)
    old = place + 16 + len(entry)
    assert grown[old + 4 : old + 8] in (b"url ", b"alis")
    grown[place + 12 : place + 16] = struct.pack(">I", 2)  # entries; the track takes the first
    (tmp_path / "reference.mov").write_bytes(grown)
    with av.open(
        str(tmp_path / "reference.mov"), options={"enable_drefs": "1", "use_absolute_path": "1"}
    ) as c:
        assert sum(1 for _ in c.decode(video=0)) == 5  # FFmpeg follows it when told to
    with pytest.raises(MediaError):
        count(tmp_path / "reference.mov")


READ = """
import sys
from pathlib import Path
from tcnet.errors import TcnetError
def peak():  # KiB; getrusage would begin with the peak of the process that started this one
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
from tcnet.video import IMAGE_SUFFIXES, open_source, read_image
for name in sys.argv[1:]:
    before = peak()
    path = Path(name)
    try:
        if name.startswith("allocate "):
            bytearray(int(name.split()[1])).replace(b"a", b"b")
        elif path.suffix in IMAGE_SUFFIXES:
            read_image(path)
        else:
            sum(1 for _ in open_source(path))
        text = "done"
    except TcnetError as error:
        text = str(error)
    print(peak() - before, text, sep="|")
"""


def peak_growth(*names):
    """For each: bytes by which a process' peak grew while it read that file, and what it said."""
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, names)], capture_output=True, text=True, check=True, timeout=60
    )
    lines = [line.split("|", 1) for line in done.stdout.splitlines()]
    assert len(lines) == len(names)
    return [(int(kibibytes) * 1024, text) for kibibytes, text in lines]


def claims_y4m(folder):
    path = folder / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W%d H%d F25:1 Ip C420jpeg\nFRAME\n" % (HUGE, HUGE) + bytes(9000))
    return path


def claims_within_a_side(folder):
    path = folder / "a.y4m"
    path.write_bytes(b"YUV4MPEG2 W16384 H16384 F25:1 Ip C420jpeg\nFRAME\n" + bytes(9000))
    return path


def claims_gif(folder):
    path = write(folder / "a.gif", "gif", "rgb8")
    data = bytearray(path.read_bytes())
    data[6:10] = struct.pack("<HH", HUGE, HUGE)
    path.write_bytes(data)
    return path


def claims_matroska(folder):
    path = write(folder / "a.mkv", "ffv1", "bgr0", size=(320, 258))
    data = path.read_bytes()
    for element, value in ((b"\xb0\x82", 320), (b"\xba\x82", 258)):
        assert element + struct.pack(">H", value) in data
        data = data.replace(element + struct.pack(">H", value), element + struct.pack(">H", HUGE))
    path.write_bytes(data)
    return path


def claims_motion_jpeg(folder):
    path = write(folder / "a.avi", "mjpeg", "yuvj420p")
    data = bytearray(path.read_bytes())
    place = data.find(b"\xff\xc0")
    assert place > 0
    while place > 0:
        data[place + 5 : place + 9] = struct.pack(">HH", HUGE, HUGE)
        place = data.find(b"\xff\xc0", place + 9)
    path.write_bytes(data)
    return path


def mp4_with(folder, kind, offset, value):
    path = write(folder / "a.mp4")
    data = bytearray(path.read_bytes())
    place = data.index(kind) + offset
    data[place : place + len(value)] = value
    path.write_bytes(data)
    return path


def claims_mp4_size(folder):
    return mp4_with(folder, b"avc1\0\0\0\0", 28, struct.pack(">HH", HUGE, HUGE))


def claims_mp4_samples(folder):
    return mp4_with(folder, b"stsz", 12, struct.pack(">I", 0x0FFFFFFF))


def claims_mp4_times(folder):
    return mp4_with(folder, b"stts", 8, struct.pack(">I", 0x0FFFFFFF))


def claims_attachment(folder):
    """An attachment of 1 GiB in a file of some kilobytes."""
    path = write(folder / "a.mkv", "ffv1", "bgr0")
    name, kind = b"font.ttf", b"font/ttf"
    file = b"\x46\x6e" + bytes([0x80 | len(name)]) + name + b"\x46\x60" + bytes([0x80 | len(kind)]) + kind
    file += b"\x46\xae\x81\x01" + b"\x46\x5c" + struct.pack(">Q", (1 << 56) | 2**30)[0:8]
    attached = b"\x61\xa7" + struct.pack(">Q", (1 << 56) | (2**30 + len(file))) + file
    path.write_bytes(
        path.read_bytes() + b"\x19\x41\xa4\x69" + struct.pack(">Q", (1 << 56) | (2**30 + 90)) + attached
    )
    return path


def claims_sound(folder):
    """Sound of 60000 channels at 2 GHz."""
    path = folder / "a.avi"
    with av.open(str(path), "w") as container:
        video = container.add_stream("ffv1", rate=25)
        video.width, video.height, video.pix_fmt = 32, 24, "bgr0"
        sound = container.add_stream("pcm_s16le", rate=48000, layout="stereo")
        for index in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((24, 32, 3), index, np.uint8), "rgb24")
            frame.pts = index
            container.mux(video.encode(frame))
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 9600), np.int16), "s16", "stereo")
        samples.sample_rate, samples.pts = 48000, 0
        container.mux(sound.encode(samples))
        container.mux([*video.encode(None), *sound.encode(None)])
    data = path.read_bytes()
    header = struct.pack("<HHI", 1, 2, 48000)
    assert header in data
    path.write_bytes(data.replace(header, struct.pack("<HHI", 1, HUGE, 2_000_000_000)))
    return path


CLAIMS = [
    claims_y4m, claims_within_a_side, claims_gif, claims_matroska, claims_motion_jpeg, claims_mp4_size,
    claims_mp4_samples, claims_mp4_times, claims_attachment, claims_sound,
]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="counts resident KiB as Linux does")
def test_what_a_header_claims_is_not_allocated(tmp_path):
    paths = []
    for claim in CLAIMS:
        folder = tmp_path / claim.__name__
        folder.mkdir()
        paths.append(claim(folder))
    paths += [image_claims(tmp_path, suffix) for suffix in (".png", ".jpg", ".bmp", ".tif")]
    *outcomes, control = peak_growth(*paths, f"allocate {2**29}")
    for path, (grown, text) in zip(paths, outcomes, strict=True):
        assert grown < MOST_GROWTH, (path, text)
        assert text == "done" or text.startswith(str(path))
    assert control[0] > 2**28  # the peak is really measured


def image_claims(folder, suffix):
    """An image of 60000x60000 by its header."""
    path = folder / f"a{suffix}"
    if suffix == ".png":
        write_png(path, np.zeros((8, 8, 3), np.uint8))
        old, new = struct.pack(">II", 8, 8), struct.pack(">II", HUGE, HUGE)
    elif suffix == ".tif":
        write(path, "tiff", "rgb24", size=(72, 56), container_format="image2pipe")
        old, new = struct.pack("<HHII", 256, 4, 1, 72), struct.pack("<HHII", 256, 4, 1, HUGE)
    elif suffix == ".jpg":
        write(path, "mjpeg", "yuvj420p", size=(72, 56), container_format="image2pipe")
        old, new = struct.pack(">HH", 56, 72), struct.pack(">HH", HUGE, HUGE)
    else:
        write(path, "bmp", "bgr24", size=(72, 56), container_format="image2pipe")
        old, new = struct.pack("<ii", 72, 56), struct.pack("<ii", HUGE, HUGE)
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))
    return path
