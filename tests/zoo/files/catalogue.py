"""All files of the zoo. Each has one or two things that programs are known to get wrong."""

from fractions import Fraction

from zoo.files.specimen import Audio, Color, Specimen, Subtitles

NTSC_FILM, NTSC, NTSC_FIELDS = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001)
VARIABLE = (0, 40, 73, 113, 120, 200, 400, 440)  # milliseconds
BLOCK = (64, 64)  # the smallest that HEVC and AV1 encode
BT601, BT709 = Color(matrix=6, primaries=6, transfer=6, range=1), Color(matrix=1, primaries=1, transfer=1, range=1)  # fmt: skip
BT2020 = Color(matrix=9, primaries=9, transfer=14, range=1)
PQ, HLG = Color(matrix=9, primaries=9, transfer=16, range=1), Color(matrix=9, primaries=9, transfer=18, range=1)  # fmt: skip
FULL_709 = Color(matrix=1, primaries=1, transfer=1, range=2)
X265 = "log-level=none:pools=none:ctu=32"
MASTERING = (
    "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1):max-cll=1000,400"
)
SVT_MASTERING = "mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.0001):content-light=1000,400"  # fmt: skip
DEFAULT, FORCED, COMMENT, ORIGINAL, HEARING = 1, 64, 8, 4, 128

PLAIN = [
    Specimen(name="h264", suffix=".mkv", codec="libx264", about="H.264 with B-frames"),
    Specimen(name="h264", suffix=".mp4", codec="libx264", about="H.264 with B-frames: edit list"),
    Specimen(name="h264", suffix=".mov", codec="libx264", about="QuickTime, AAC", audio=(Audio(codec="aac"),)),
    Specimen(name="hevc", suffix=".mp4", codec="libx265", size=BLOCK, about="HEVC"),
    Specimen(name="av1", suffix=".mkv", codec="libsvtav1", size=BLOCK, about="AV1"),
    Specimen(name="av1", suffix=".webm", codec="libsvtav1", size=BLOCK, about="AV1, WebM to WebM", output=".webm"),
    Specimen(name="vp9 opus", suffix=".webm", codec="libvpx-vp9", about="VP9, Opus", audio=(Audio(codec="libopus"),)),
    Specimen(name="vp8 vorbis", suffix=".webm", codec="libvpx", about="VP8, Vorbis", audio=(Audio(codec="vorbis"),)),
    Specimen(name="mpeg4 mp3", suffix=".avi", codec="mpeg4", about="MPEG-4, MP3 in AVI", audio=(Audio(codec="libmp3lame", start=Fraction(2, 25)),)),
    Specimen(name="mpeg4 bframes", suffix=".avi", codec="mpeg4", about="AVI with B-frames has no presentation times", encoder_options={"bf": "2", "qmin": "2", "qmax": "3"}),
    Specimen(name="mjpeg pcm", suffix=".avi", codec="mjpeg", pixel_format="yuvj420p", about="Motion JPEG, PCM", audio=(Audio(codec="pcm_s16le"),)),
    Specimen(name="msmpeg4", suffix=".avi", codec="msmpeg4v2", about="MS MPEG-4"),
    Specimen(name="cinepak", suffix=".avi", codec="cinepak", pixel_format="rgb24", about="Cinepak"),
    Specimen(name="huffyuv", suffix=".avi", codec="huffyuv", pixel_format="yuv422p", about="HuffYUV 4:2:2"),
    Specimen(name="ffvhuff", suffix=".avi", codec="ffvhuff", pixel_format="yuv420p", about="FFVHuff"),
    Specimen(name="utvideo", suffix=".avi", codec="utvideo", pixel_format="gbrp", about="Ut Video RGB"),
    Specimen(name="magicyuv", suffix=".avi", codec="magicyuv", pixel_format="yuv444p", about="MagicYUV 4:4:4"),
    Specimen(name="raw", suffix=".avi", codec="rawvideo", pixel_format="bgr24", about="uncompressed, stored upside down"),
    Specimen(name="ffv1", suffix=".mkv", codec="ffv1", about="FFV1, FLAC", audio=(Audio(codec="flac"),)),
    Specimen(name="raw", suffix=".mkv", codec="rawvideo", about="uncompressed in Matroska"),
    Specimen(name="raw", suffix=".nut", codec="rawvideo", pixel_format="yuv422p", about="uncompressed in NUT"),
    Specimen(name="mpeg2 mp2", suffix=".ts", codec="mpeg2video", about="broadcast: starts at 600 s", audio=(Audio(codec="mp2"),), container_options={"output_ts_offset": "600"}),
    Specimen(name="h264 aac", suffix=".ts", codec="libx264", about="transport stream", audio=(Audio(codec="aac"),)),
    Specimen(name="hevc ac3", suffix=".m2ts", codec="libx265", size=BLOCK, about="Blu-ray stream", audio=(Audio(codec="ac3"),), container_options={"mpegts_m2ts_mode": "1"}),
    Specimen(name="mpeg1 mp2", suffix=".mpg", codec="mpeg1video", about="MPEG-1 program stream", audio=(Audio(codec="mp2"),)),
    Specimen(name="mpeg2 ac3", suffix=".vob", codec="mpeg2video", about="DVD program stream", audio=(Audio(codec="ac3"),)),
    Specimen(name="h264 aac", suffix=".flv", codec="libx264", about="Flash", audio=(Audio(codec="aac"),)),
    Specimen(name="flv1 mp3", suffix=".flv", codec="flv", about="Sorenson", audio=(Audio(codec="libmp3lame", rate=44100),)),
    Specimen(name="vp8", suffix=".ogv", codec="libvpx", about="VP8 in Ogg", audio=(Audio(codec="vorbis"),)),
    Specimen(name="wmv2 wma", suffix=".wmv", codec="wmv2", about="Windows Media", audio=(Audio(codec="wmav2"),)),
    Specimen(name="h263", suffix=".3gp", codec="h263", size=(128, 96), about="telephone"),
    Specimen(name="mpeg2 pcm", suffix=".mxf", codec="mpeg2video", about="MXF", audio=(Audio(codec="pcm_s16le"),)),
    Specimen(name="gif", suffix=".gif", codec="gif", pixel_format="rgb8", rate=Fraction(10), about="GIF, 10 frames a second"),
    Specimen(name="gif variable", suffix=".gif", codec="gif", pixel_format="rgb8", times=(0, 10, 15, 40, 100), last=20, time_base=Fraction(1, 100), about="GIF with other lengths of each frame"),
    Specimen(name="y4m", suffix=".y4m", codec="rawvideo", about="YUV4MPEG", rate=NTSC),
    Specimen(name="y4m 10 bit", suffix=".y4m", codec="rawvideo", pixel_format="yuv422p10le", about="YUV4MPEG, 10 bits", muxer="yuv4mpegpipe", container_options={"strict": "-1"}),
    Specimen(name="elementary", suffix=".h264", codec="libx264", about="no container, no timestamps"),
    Specimen(name="elementary", suffix=".m2v", codec="mpeg2video", about="no container, no timestamps"),
    Specimen(name="apng", suffix=".apng", codec="apng", pixel_format="rgb24", about="animated PNG"),
    Specimen(name="png folder", suffix="/", codec="png", pixel_format="rgb24", muxer="png", about="images", count=11),
    Specimen(name="png alpha folder", suffix="/", codec="png", pixel_format="rgba", muxer="png", about="images with alpha"),
    Specimen(name="png 16 folder", suffix="/", codec="png", pixel_format="rgb48be", muxer="png", about="images of 16 bits"),
    Specimen(name="jpeg folder", suffix="/", codec="mjpeg", pixel_format="yuvj420p", muxer="jpg", about="JPEG images"),
    Specimen(name="tiff folder", suffix="/", codec="tiff", pixel_format="rgb24", muxer="tif", about="TIFF images"),
]  # fmt: skip

STUDIO = [
    Specimen(name="prores", suffix=".mov", codec="prores_ks", pixel_format="yuv422p10le", color=BT709, about="ProRes 422, PCM", audio=(Audio(codec="pcm_s24le"),), output=".mov"),
    Specimen(name="prores 4444 alpha", suffix=".mov", codec="prores_ks", pixel_format="yuva444p10le", about="ProRes 4444 with alpha", encoder_options={"profile": "4"}),
    Specimen(name="prores 4444 to prores", suffix=".mov", codec="prores_ks", pixel_format="yuva444p10le", about="alpha kept", encoder_options={"profile": "4"}, output=".mov", output_codec="prores"),
    Specimen(name="dnxhr", suffix=".mov", codec="dnxhd", pixel_format="yuv422p", size=(256, 128), count=2, color=BT709, about="DNxHR", encoder_options={"profile": "dnxhr_sq"}),
    Specimen(name="qtrle alpha", suffix=".mov", codec="qtrle", pixel_format="argb", about="QuickTime Animation with alpha"),
    Specimen(name="png alpha", suffix=".mov", codec="png", pixel_format="rgba", about="PNG in QuickTime with alpha"),
    Specimen(name="v210", suffix=".mov", codec="v210", pixel_format="yuv422p10le", about="uncompressed 10 bits"),
    Specimen(name="jpeg2000", suffix=".mov", codec="jpeg2000", pixel_format="yuv444p", about="JPEG 2000"),
    Specimen(name="cineform", suffix=".mov", codec="cfhd", pixel_format="gbrp12le", about="CineForm RGB, 12 bits"),
    Specimen(name="ffv1 alpha", suffix=".mkv", codec="ffv1", pixel_format="yuva420p", about="FFV1 with alpha"),
    Specimen(name="ffv1 alpha to ffv1", suffix=".mkv", codec="ffv1", pixel_format="yuva420p", about="alpha kept", output_codec="ffv1"),
    Specimen(name="png alpha to ffv1", suffix=".mov", codec="png", pixel_format="rgba", about="alpha kept", output=".mkv", output_codec="ffv1"),
    Specimen(name="cineform to ffv1", suffix=".mov", codec="cfhd", pixel_format="gbrp12le", about="12 bits kept", output=".mkv", output_codec="ffv1"),
    Specimen(name="vp9 alpha to ffv1", suffix=".webm", codec="libvpx-vp9", pixel_format="yuva420p", about="alpha kept", video_metadata={"alpha_mode": "1"}, encoder_options={"auto-alt-ref": "0"}, output_codec="ffv1"),
    Specimen(name="timecode", suffix=".mov", codec="prores_ks", pixel_format="yuv422p10le", about="a track of timecode", video_metadata={"timecode": "01:00:00:00"}),
    Specimen(name="vp9 alpha", suffix=".webm", codec="libvpx-vp9", pixel_format="yuva420p", about="VP9 with alpha", video_metadata={"alpha_mode": "1"}, encoder_options={"auto-alt-ref": "0"}),
]  # fmt: skip

PICTURE = [
    Specimen(name="601 limited", suffix=".mkv", codec="libx264", color=BT601, about="BT.601 tagged"),
    Specimen(name="709 limited", suffix=".mp4", codec="libx264", color=BT709, about="BT.709 tagged at a small size"),
    Specimen(name="709 full", suffix=".mp4", codec="libx264", color=FULL_709, about="BT.709, full range"),
    Specimen(name="2020 10 bit", suffix=".mkv", codec="libx264", pixel_format="yuv420p10le", color=BT2020, about="BT.2020, 10 bits"),
    Specimen(name="pq hdr10", suffix=".mp4", codec="libx265", pixel_format="yuv420p10le", size=BLOCK, color=PQ, about="HDR10: PQ with mastering metadata", encoder_options={"x265-params": f"{X265}:{MASTERING}"}),
    Specimen(name="pq hdr10", suffix=".mkv", codec="libx265", pixel_format="yuv420p10le", size=BLOCK, color=PQ, about="HDR10 in Matroska", encoder_options={"x265-params": f"{X265}:{MASTERING}"}),
    Specimen(name="pq av1", suffix=".mkv", codec="libsvtav1", pixel_format="yuv420p10le", size=BLOCK, color=PQ, about="HDR10 in AV1", encoder_options={"svtav1-params": SVT_MASTERING}),
    Specimen(name="hlg", suffix=".mp4", codec="libx265", pixel_format="yuv420p10le", size=BLOCK, color=HLG, about="HLG"),
    Specimen(name="hevc 12 bit", suffix=".mkv", codec="libx265", pixel_format="yuv420p12le", size=BLOCK, about="12 bits"),
    Specimen(name="422 10 bit", suffix=".mkv", codec="libx264", pixel_format="yuv422p10le", about="4:2:2, 10 bits"),
    Specimen(name="444", suffix=".mkv", codec="libx264", pixel_format="yuv444p", about="4:4:4"),
    Specimen(name="rgb", suffix=".mkv", codec="libx264rgb", pixel_format="rgb24", about="H.264 in RGB"),
    Specimen(name="gray", suffix=".mkv", codec="libx264", pixel_format="gray", about="grey H.264"),
    Specimen(name="gray 10 bit", suffix=".mkv", codec="ffv1", pixel_format="gray10le", about="grey, 10 bits"),
    Specimen(name="gbrp 16", suffix=".mkv", codec="ffv1", pixel_format="gbrp16le", about="RGB of 16 bits"),
    Specimen(name="240m", suffix=".mp4", codec="libx264", color=Color(matrix=7, primaries=7, transfer=7, range=1), about="SMPTE 240M: early HDTV"),
    Specimen(name="2020 full", suffix=".mkv", codec="libx265", pixel_format="yuv420p10le", size=BLOCK, color=Color(matrix=9, primaries=9, transfer=14, range=2), about="BT.2020, full range, 10 bits"),
    Specimen(name="411", suffix=".mkv", codec="ffv1", pixel_format="yuv411p", size=(128, 96), about="4:1:1, of DV tapes"),
    Specimen(name="440", suffix=".webm", codec="libvpx-vp9", pixel_format="yuv440p", about="4:4:0"),
    Specimen(name="nv12", suffix=".nut", codec="rawvideo", pixel_format="nv12", about="NV12, of capture devices"),
    Specimen(name="uyvy", suffix=".avi", codec="rawvideo", pixel_format="uyvy422", about="UYVY, of capture devices"),
    Specimen(name="rgb555", suffix=".avi", codec="rawvideo", pixel_format="rgb555le", about="5 bits a channel"),
    Specimen(name="anamorphic", suffix=".mp4", codec="libx264", ratio=Fraction(16, 15), about="pixels 16:15"),
    Specimen(name="anamorphic", suffix=".mkv", codec="libx264", ratio=Fraction(64, 45), about="pixels 64:45"),
    Specimen(name="anamorphic", suffix=".ts", codec="mpeg2video", size=(64, 48), ratio=Fraction(4, 3), about="MPEG-2 aspect ratio 16:9"),
    Specimen(name="rotated 90", suffix=".mp4", codec="libx264", rotation=90, about="telephone held upright"),
    Specimen(name="rotated 180", suffix=".mov", codec="libx264", rotation=180, about="upside down"),
    Specimen(name="rotated 270", suffix=".mkv", codec="libx264", rotation=-90, about="rotation in Matroska"),
    Specimen(name="exif", suffix=".mov", codec="mjpeg", pixel_format="yuvj420p", exif=6, about="camera's JPEGs with Exif"),
    Specimen(name="odd 444", suffix=".mkv", codec="libx264", pixel_format="yuv444p", size=(63, 47), about="63x47"),
    Specimen(name="odd 420", suffix=".mp4", codec="libx264", size=(66, 50), about="66x50, cropped from whole blocks"),
    Specimen(name="odd vp9", suffix=".webm", codec="libvpx-vp9", size=(63, 47), about="63x47 in VP9"),
    Specimen(name="odd ffv1", suffix=".mkv", codec="ffv1", pixel_format="yuv420p", size=(63, 47), about="63x47 in 4:2:0"),
    Specimen(name="interlaced tff", suffix=".ts", codec="mpeg2video", interlaced="tff", size=(64, 96), count=12, about="interlaced, upper field first", encoder_options={"field_order": "tt", "qmin": "2", "qmax": "3"}),
    Specimen(name="interlaced bff", suffix=".mkv", codec="libx264", interlaced="bff", size=(64, 96), count=12, about="interlaced, lower field first"),
]  # fmt: skip

TIME = [
    Specimen(name="variable rate", suffix=".mkv", codec="libx264", times=VARIABLE, last=60, time_base=Fraction(1, 1000), about="variable frame rate"),
    Specimen(name="variable rate", suffix=".mp4", codec="libx264", times=VARIABLE, last=60, time_base=Fraction(1, 1000), about="variable frame rate with B-frames"),
    Specimen(name="23.976", suffix=".mp4", codec="libx264", rate=NTSC_FILM, count=24, about="24000/1001"),
    Specimen(name="29.97", suffix=".mkv", codec="libx264", rate=NTSC, count=24, about="30000/1001 in milliseconds"),
    Specimen(name="59.94", suffix=".mov", codec="libx264", rate=NTSC_FIELDS, count=24, about="60000/1001"),
    Specimen(name="50", suffix=".ts", codec="libx264", rate=Fraction(50), count=20, about="50 a second"),
    Specimen(name="90 kHz", suffix=".mp4", codec="libx264", rate=NTSC, time_base=Fraction(1, 90000), about="clock of 90 kHz"),
    Specimen(name="late start", suffix=".mkv", codec="libx264", times=tuple(range(2000, 2320, 40)), time_base=Fraction(1, 1000), about="starts at 2 s", audio=(Audio(codec="aac", start=Fraction(2)),)),
    Specimen(name="late video", suffix=".mp4", codec="libx264", times=tuple(range(200, 520, 40)), time_base=Fraction(1, 1000), about="sound 0.2 s before the picture", audio=(Audio(codec="aac"),)),
    Specimen(name="late sound", suffix=".mkv", codec="libx264", about="sound 0.12 s after the picture", audio=(Audio(codec="libopus", start=Fraction(3, 25)),)),
    Specimen(name="long sound", suffix=".mp4", codec="libx264", about="sound outlasts the picture", audio=(Audio(codec="aac", seconds=Fraction(2)),)),
    Specimen(name="clock reset", suffix=".ts", codec="mpeg2video", count=30, repeat=2, about="two recordings in one file: the clock goes back"),
    Specimen(name="clock reset with sound", suffix=".ts", codec="libx264", count=30, repeat=2, about="the same with sound, which ends before the picture", audio=(Audio(codec="aac"),)),
    Specimen(name="clock reset", suffix=".vob", codec="mpeg2video", count=10, repeat=3, about="three cells of a DVD, each with a clock of its own", audio=(Audio(codec="ac3", seconds=Fraction(1, 4)),)),
    Specimen(name="slides", suffix=".mkv", codec="libx264", times=(0, 7013, 600_041, 601_522, 1_300_177), last=5000, time_base=Fraction(1, 1000), about="pictures that stand for minutes"),
    Specimen(name="stills", suffix=".mp4", codec="libx264", times=(*range(0, 800, 40), *range(60_010, 60_800, 40), *range(90_000, 90_400, 41)), time_base=Fraction(1, 1000), about="B-frames around pictures that stand for a minute", audio=(Audio(codec="aac"),)),
    Specimen(name="fragmented", suffix=".mp4", codec="libx264", count=16, about="MP4 in fragments, as recorders and streams write it", encoder_options={"g": "4"}, container_options={"movflags": "frag_keyframe+empty_moov+default_base_moof"}, audio=(Audio(codec="aac"),)),
    Specimen(name="live", suffix=".mkv", codec="libx264", count=16, about="Matroska without index and length, as recorders leave it", container_options={"live": "1"}, audio=(Audio(codec="aac"),)),
    Specimen(name="open gop", suffix=".ts", codec="libx264", count=24, about="pictures refer past key pictures", encoder_options={"g": "6", "x264-params": "open-gop=1"}),
    Specimen(name="one frame", suffix=".mp4", codec="libx264", count=1, about="a single frame"),
    Specimen(name="segments", suffix=".mp4", codec="libx264", rate=NTSC, count=110, about="three segments, B-frames, sound", audio=(Audio(codec="aac", seconds=Fraction(4)),)),
    Specimen(name="segments variable", suffix=".mp4", codec="libx264", times=tuple(40 * n + 13 * (n % 3) for n in range(110)), last=40, time_base=Fraction(1, 1000), about="three segments, variable rate"),
    Specimen(name="segments film", suffix=".mkv", codec="libx265", size=BLOCK, rate=NTSC_FILM, count=100, about="three segments, to HEVC", output_codec="hevc"),
    Specimen(name="many gops", suffix=".mkv", codec="libx264", count=60, about="longer than a segment", encoder_options={"g": "7"}),
]  # fmt: skip

TAGS = {"title": "Zoo – Übergröße", "artist": "日本語", "comment": "a comment"}
PHONE = {
    "com.apple.quicktime.location.ISO6709": "+52.5200+013.4050+034.000/",
    "com.apple.quicktime.make": "Apple",
    "com.apple.quicktime.model": "X",
}
CHAPTERS = ((0, 120, "Anfang"), (120, 320, "Ende – 終"))
FONT = ("font.ttf", "application/x-truetype-font", b"\x00\x01\x00\x00" + bytes(200))
NOTE = ("Übersicht 概要.txt", "text/plain", "Grüße".encode())

STREAMS = [
    Specimen(
        name="many tracks", suffix=".mkv", codec="libx264", about="five codecs of sound, languages, titles, offsets",
        audio=(
            Audio(codec="aac", language="ger", title="Deutsch", disposition=DEFAULT),
            Audio(codec="libopus", language="eng", title="English", start=Fraction(1, 25)),
            Audio(codec="flac", language="jpn", title="日本語", disposition=ORIGINAL),
            Audio(codec="libmp3lame", language="fre", disposition=COMMENT),
            Audio(codec="pcm_s16le", layout="mono", disposition=HEARING),
            Audio(codec="ac3", layout="5.1"),
        ),
    ),
    Specimen(
        name="many tracks", suffix=".mp4", codec="libx264", about="sound, languages in MP4",
        audio=(
            Audio(codec="aac", language="ger", disposition=DEFAULT), Audio(codec="ac3", language="eng"),
            Audio(codec="libopus", language="jpn"), Audio(codec="alac", language="fre"), Audio(codec="libmp3lame"),
        ),
    ),
    Specimen(name="pcm", suffix=".mov", codec="libx264", about="PCM in QuickTime, which goes to MP4", audio=(Audio(codec="pcm_s16le"),)),
    Specimen(name="pcm big endian", suffix=".mov", codec="libx264", about="PCM in QuickTime to QuickTime", audio=(Audio(codec="pcm_s16be"), Audio(codec="pcm_f32le", layout="mono")), output=".mov"),
    Specimen(name="eac3 dvb", suffix=".ts", codec="libx264", about="several tracks in a transport stream", audio=(Audio(codec="eac3", language="ger"), Audio(codec="aac", language="eng"))),
    Specimen(
        name="subtitles", suffix=".mkv", codec="libx264", about="text and bitmap subtitles", count=12,
        subtitles=(
            Subtitles(codec="subrip", language="ger", title="Deutsch", disposition=DEFAULT),
            Subtitles(codec="ass", language="jpn", disposition=FORCED),
            Subtitles(codec="hdmv_pgs_subtitle", language="eng"),
            Subtitles(codec="dvd_subtitle", language="fre"),
            Subtitles(codec="webvtt", language="ita"),
        ),
    ),
    Specimen(name="subtitles", suffix=".mp4", codec="libx264", count=12, about="mov_text", subtitles=(Subtitles(codec="mov_text", language="ger"),)),
    Specimen(name="webvtt", suffix=".webm", codec="libvpx-vp9", count=12, about="WebVTT", subtitles=(Subtitles(codec="webvtt", language="ger"),), output=".webm"),
    Specimen(name="signs", suffix=".mkv", codec="libx264", count=12, about="fifty lines that begin together", subtitles=(Subtitles(codec="ass", shown=(*((40, 160, f"sign {n}") for n in range(50)), (100, 300, "dialogue"), (300, 400, "more"))),)),
    Specimen(name="chapters", suffix=".mkv", codec="libx264", about="chapters, tags", chapters=CHAPTERS, metadata=TAGS, video_metadata={"title": "Hauptfilm"}),
    Specimen(name="chapters", suffix=".mp4", codec="libx264", about="chapters, tags in MP4", chapters=CHAPTERS, metadata=TAGS),
    Specimen(name="attachments", suffix=".mkv", codec="libx264", about="a font and a text", attachments=(FONT, NOTE)),
    Specimen(name="cover", suffix=".mkv", codec="libx264", about="cover picture", cover="png", audio=(Audio(codec="aac"),)),
    Specimen(name="cover", suffix=".mp4", codec="libx264", about="cover picture in MP4", cover="jpeg", audio=(Audio(codec="aac"),)),
    Specimen(name="dispositions", suffix=".mkv", codec="libx264", about="flags of the video track", video_disposition=DEFAULT | ORIGINAL),
]  # fmt: skip

CROSSING = [
    Specimen(name="to mp4", suffix=".mkv", codec="libx264", rate=NTSC, about="Matroska to MP4", audio=(Audio(codec="aac", language="ger"), Audio(codec="flac")), chapters=CHAPTERS, metadata=TAGS, output=".mp4"),
    Specimen(name="srt to mp4", suffix=".mkv", codec="libx264", count=12, about="SRT into MP4: converted", subtitles=(Subtitles(codec="subrip", language="ger"),), output=".mp4"),
    Specimen(name="to mkv", suffix=".mp4", codec="libx264", rate=NTSC_FILM, about="MP4 to Matroska", audio=(Audio(codec="aac"),), subtitles=(Subtitles(codec="mov_text", language="ger"),), count=12, output=".mkv"),
    Specimen(name="pcm to mp4", suffix=".avi", codec="mpeg4", about="PCM from AVI into MP4", audio=(Audio(codec="pcm_s16le"),), output=".mp4"),
    Specimen(name="ts to mp4", suffix=".ts", codec="libx264", about="transport stream to MP4", audio=(Audio(codec="aac"),), output=".mp4"),
    Specimen(name="seven one to mov", suffix=".mkv", codec="libx264", about="FLAC 7.1 into QuickTime", audio=(Audio(codec="flac", layout="7.1"),), output=".mov"),
    Specimen(name="seven to mp4", suffix=".mkv", codec="libx264", about="FLAC 7.0 into MP4, whose FLAC has no such channels", audio=(Audio(codec="flac", layout="7.0"),), output=".mp4"),
    Specimen(name="quad to mkv", suffix=".mov", codec="libx264", about="PCM of four speakers into Matroska, which does not name them", audio=(Audio(codec="pcm_s16le", layout="quad"),), output=".mkv"),
    Specimen(name="telephone", suffix=".mov", codec="libx264", about="place, make and model of a telephone", metadata=PHONE, container_options={"movflags": "use_metadata_tags"}),
    Specimen(name="telephone to mov", suffix=".mp4", codec="libx264", about="the same in MP4, to QuickTime", metadata=PHONE, container_options={"movflags": "use_metadata_tags"}, output=".mov"),
    Specimen(name="ffv1 to mov", suffix=".mkv", codec="ffv1", pixel_format="yuv422p10le", about="to ProRes", output=".mov"),
]  # fmt: skip

NAMES = [
    Specimen(name="Ärger mit 名前 🎬 und Leerzeichen", suffix=".mkv", codec="libx264", count=3, about="spaces and other scripts in the name"),
    Specimen(name="-leading dash; $(quoted) 'name' %03d [x] #1?", suffix=".mp4", codec="libx264", count=3, about="signs that shells and FFmpeg read as their own"),
    Specimen(name="n" * 235, suffix=".mp4", codec="libx264", count=3, about="a very long name"),
]  # fmt: skip

ZOO = [*PLAIN, *STUDIO, *PICTURE, *TIME, *STREAMS, *CROSSING, *NAMES]
