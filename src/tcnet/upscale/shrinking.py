"""Whether frames are shrunk before the network: as asked for, or to the size that the input really holds."""

from dataclasses import replace

from tcnet.inference.upscale_options import AUTO, UpscaleOptions, lr_size, output_size, shrunk_width
from tcnet.video.frame import VideoInfo


def resolve_shrinking(info: VideoInfo, options: UpscaleOptions) -> tuple[UpscaleOptions, tuple[str, ...]]:
    """The options with "auto" decided, and what the user should know of it.

    Raises UsageError for more lines than there are.
    """
    held = info.held_height
    if options.shrink_first is None:
        return options, () if held is None else (suggestion(info, held),)
    if options.shrink_first == AUTO:
        options = replace(options, shrink_first=held)
        if held is None:
            return options, ("nothing shows that this holds less than its size, so it is not shrunk first",)
    height, width = lr_size(info.height, info.width, options)
    notices = [f"frames are shrunk to {width}x{height} first"]
    out_height, out_width = output_size(info.height, info.width, options)
    if out_height > 4 * height:
        notices.append(
            f"the output's {out_width}x{out_height} are interpolated from the {4 * width}x{4 * height} that "
            f"are computed: --height {4 * height} makes a smaller file that holds as much"
        )
    return options, tuple(notices)


def suggestion(info: VideoInfo, held: int) -> str:
    """For an input that holds no more than so many lines."""
    width = shrunk_width(info.height, info.width, held)
    times = info.height * info.width / (held * width)
    return (
        f"holds no more than about {width}x{held}: --shrink-first auto upscales that, {times:.2g} times "
        "faster"
    )
