"""Closed captions (CEA-608 and CEA-708) inside a video stream, as ATSC A/53 puts them into H.264 and HEVC.

Each picture carries its own in an SEI message. FFmpeg's decoders hand them out. Its encoders would write
them, but PyAV cannot attach them to a picture, so they are put into the encoded packets here.
"""

from collections.abc import Iterator

from tcnet.errors import MediaError

CAPTIONED_CODECS = ("h264", "hevc")

_START = b"\0\0\1"  # of a unit, in the byte stream format (Annex B) of both codecs
_TRIPLET = 3  # bytes: type and two of caption data
_MOST_TRIPLETS = 31  # in a message, which counts them in five bits
_REGISTERED_T35 = 4  # payloadType: user_data_registered_itu_t_t35
_ATSC = b"\xb5\x00\x31GA94\x03"  # country, provider, identifier, and the type of what follows: cc_data
_COUNTED = 0x40  # process_cc_data_flag, beside the number of triplets
_NO_EM_DATA = b"\xff"
_MARKER = b"\xff"
_END_OF_UNIT = b"\x80"


def with_captions(packet: bytes, codec: str, captions: bytes) -> bytes:
    """An encoded picture with captions.

    packet: in the byte stream format; codec: one of CAPTIONED_CODECS; captions: triplets, as decoders give
    them. Raises MediaError if the packet has no picture.
    """
    begin, header = _first_slice(packet, codec)
    unit = header + _escaped(b"".join(_messages(captions)) + _END_OF_UNIT)
    return packet[:begin] + b"\0" + _START + unit + packet[begin:]


def _first_slice(packet: bytes, codec: str) -> tuple[int, bytes]:
    """Where the first slice begins, and the header of an SEI unit that may stand before it."""
    at = packet.find(_START)
    while 0 <= at < len(packet) - 4:
        first, second = packet[at + 3], packet[at + 4]
        begin = at - (at > 0 and packet[at - 1] == 0)
        if codec == "h264" and 1 <= first & 0x1F <= 5:
            return begin, b"\x06"
        if codec == "hevc" and (first >> 1) & 0x3F < 32:
            # A prefix SEI (39) in the layer and sub-layer of its picture, which the last nine bits say.
            return begin, bytes((39 << 1 | first & 1, second))
        at = packet.find(_START, at + 3)
    raise MediaError(f"captions cannot be written: the {codec} encoder gave a packet without a picture")


def _messages(captions: bytes) -> Iterator[bytes]:
    triplets = len(captions) // _TRIPLET
    for first in range(0, triplets, _MOST_TRIPLETS):
        count = min(_MOST_TRIPLETS, triplets - first)
        data = captions[_TRIPLET * first : _TRIPLET * (first + count)]
        payload = _ATSC + bytes((_COUNTED | count,)) + _NO_EM_DATA + data + _MARKER
        yield bytes((_REGISTERED_T35, len(payload))) + payload


def _escaped(body: bytes) -> bytes:
    """With a 3 between two zeros and a byte below 4: no start of a unit may appear inside one."""
    escaped = bytearray()
    zeros = 0
    for byte in body:
        if zeros == 2 and byte <= 3:
            escaped.append(3)
            zeros = 0
        escaped.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(escaped)
