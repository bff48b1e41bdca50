"""Small HEIC and AVIF files, written box by box: one coded picture, or a grid of them."""

import io
import struct
from fractions import Fraction

import av
import numpy as np

KINDS = {"heic": ("libx265", b"hvc1", b"hvcC"), "avif": ("libsvtav1", b"av01", b"av1C")}


def box(kind, body):
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full(kind, body, version=0, flags=0):
    return box(kind, struct.pack(">I", version << 24 | flags) + body)


def coded(pixels, brand, pixel_format):
    """(configuration box, data) of one picture, coded without loss."""
    codec, _, configuration = KINDS[brand]
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        options = {"x265-params": "lossless=1:log-level=none", "preset": "ultrafast"}
        if brand == "avif":
            options = {"crf": "1", "preset": "10", "svtav1-params": "lp=1"}
        stream = container.add_stream(codec, rate=25, options=options)
        stream.height, stream.width = pixels.shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.thread_count = 1
        stream.codec_context.color_range = 2
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24" if pixels.dtype == np.uint8 else "rgb48le")
        frame = frame.reformat(format=pixel_format, dst_colorspace="itu601", dst_color_range="JPEG")
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        (packet,) = [*stream.encode(frame), *stream.encode(None)]
        packet.pts = packet.dts = 0
        container.mux(packet)
    data = file.getvalue()
    place = data.index(configuration) - 4
    (size,) = struct.unpack_from(">I", data, place)
    with av.open(io.BytesIO(data)) as container:
        packet = next(packet for packet in container.demux(video=0) if packet.size)
        return data[place : place + size], bytes(packet)


def write_heif(
    path, tiles, *, columns=1, size=None, brand="heic", pixel_format="yuv444p", alpha=(), turns=(), wide=False
):
    """tiles: (H, W, 3) each, by rows. size: (width, height) of the picture. alpha: tiles that are its alpha.
    turns: more properties of the picture, as (kind, body). wide: all numbers as long as the format has them,
    grids inside the box meta, a thumbnail first, and the general brand, as telephones and tools vary it."""
    _, item_kind, _ = KINDS[brand]
    properties, payloads, items, links, references = [], [], [], [], b""
    number_form = "I" if wide else "H"

    def add_property(data):
        properties.append(data)
        return len(properties)

    def add_item(kind, payload, numbers):
        items.append(kind)
        payloads.append(payload)
        links.append(numbers)
        return len(items)

    def reference(kind, source, *targets):
        form = f">{number_form}H{len(targets)}{number_form}"
        return box(kind, struct.pack(form, source, len(targets), *targets))

    def add_picture(tiles, extra):
        nonlocal references
        height, width = tiles[0].shape[:2]
        numbers = []
        rows = len(tiles) // columns
        shown = size or (columns * width, rows * height)
        outer = [add_property(full(b"ispe", struct.pack(">II", *shown))), *map(add_property, extra)]
        if len(tiles) > 1:
            form = f">BBBB2{number_form}"
            grid = add_item(b"grid", struct.pack(form, 0, wide, rows - 1, columns - 1, *shown), outer)
        for tile in tiles:
            configuration, data = coded(tile, brand, pixel_format)
            inner = [
                add_property(full(b"ispe", struct.pack(">II", width, height))),
                add_property(configuration),
            ]
            numbers.append(add_item(item_kind, data, inner if len(tiles) > 1 else [*outer, inner[1]]))
        if len(tiles) == 1:
            return numbers[0]
        references += reference(b"dimg", grid, *numbers)
        return grid

    color = box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80))
    if wide:
        columns, kept = 1, columns
        thumbnail = add_picture([255 - tiles[0][:32, :32]], [])
        columns = kept
    primary = add_picture(tiles, [color, *(box(kind, body) for kind, body in turns)])
    if alpha:
        name = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
        source = add_picture(alpha, [name])
        references += reference(b"auxl", source, primary)
    if wide:
        references += reference(b"thmb", thumbnail, primary)
    ftyp = box(b"ftyp", (b"mif1" if wide else brand.encode()) + bytes(4) + b"mif1" + brand.encode())
    infos = b"".join(
        full(b"infe", struct.pack(f">{number_form}H", number, 0) + kind + b"\0", version=2 + wide)
        for number, kind in enumerate(items, 1)
    )
    associations = b"".join(
        struct.pack(f">{number_form}B", number, len(indices))
        + (struct.pack(f">{len(indices)}H", *indices) if wide else bytes(indices))
        for number, indices in enumerate(links, 1)
    )

    def meta(offset):
        places, idat = b"", b""
        for number, payload in enumerate(payloads, 1):
            inside = wide and items[number - 1] == b"grid"
            place = len(idat) if inside else offset
            if wide:
                places += struct.pack(">IHHQHIQ", number, inside, 0, place, 1, 0, len(payload))
            else:
                places += struct.pack(">HHHII", number, 0, 1, place, len(payload))
            idat, offset = (idat + payload, offset) if inside else (idat, offset + len(payload))
        head = b"\x48\x80" if wide else b"\x44\x00"
        count = struct.pack(f">{number_form}", len(items))
        return full(
            b"meta",
            full(b"hdlr", bytes(4) + b"pict" + bytes(13))
            + full(b"pitm", struct.pack(f">{number_form}", primary), version=int(wide))
            + full(b"iloc", head + count + places, version=2 * wide)
            + full(b"iinf", count + infos, version=int(wide))
            + (full(b"iref", references, version=int(wide)) if references else b"")
            + box(
                b"iprp",
                box(b"ipco", b"".join(properties))
                + full(
                    b"ipma", struct.pack(">I", len(items)) + associations, version=int(wide), flags=int(wide)
                ),
            )
            + (box(b"idat", idat) if wide else b""),
        )

    offset = len(ftyp) + len(meta(0)) + 8
    stored = (payload for payload, kind in zip(payloads, items, strict=True) if not wide or kind != b"grid")
    path.write_bytes(ftyp + meta(offset) + box(b"mdat", b"".join(stored)))
    return path
