"""What the data of a training run can be asked for: the `[data]` table of its TOML file, checked."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """A TOML table: unknown keys and wrong types are errors, values never change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


STILL_KINDS = ("photos", "generated")
"""Sources of single pictures, which are given motion."""


class SourceOptions(Table):
    """One `[[data.sources]]`: where clips come from."""

    kind: Literal["clips", "photos", "reds", "vimeo90k", "generated"]
    """clips: a folder of videos or of folders of images; photos: a folder of images, which are given motion;
    reds, vimeo90k: those sets as published; generated: drawn by a program, needs no files."""
    path: str = ""
    """Below `data.root`; empty is the root itself."""
    share: Annotated[float, Field(gt=0)] = 1.0
    """Of the samples, beside the shares of the other sources."""
    cached: bool = True
    """Decode once into `data.cache`. Without it each sample decodes its own frames: only for sets of images
    (reds, vimeo90k), which as decoded pictures need 73 and 155 GB."""
    provenance: str = ""
    """A tab-separated file below `data.root` with the columns file, kind and sharpness."""
    exclude: list[str] = []
    """Patterns (such as "davis-*") of clips to leave out, by name."""


class VideoOptions(Table):
    """`[data.video]`: the random degradation "video", what cameras and streams do to pictures."""

    clean: Share = 0.15
    """Of the samples: neither noise nor compression."""
    blur: Share = 0.5
    """Of the samples: Gaussian blur before the bicubic downscale."""
    blur_sigma: Annotated[float, Field(gt=0, le=4)] = 1.8
    """Strongest blur, in HR pixels."""
    noise: Share = 0.4
    """Of the samples that are not clean: Gaussian noise."""
    noise_sigma: Annotated[float, Field(ge=0, le=64)] = 3.0
    """Strongest noise, in 8-bit codes."""
    crf: Annotated[list[Annotated[int, Field(ge=0, le=51)]], Field(min_length=2, max_length=2)] = [16, 36]
    """Range of the quality of H.264 and HEVC."""
    mpeg2_quantiser: Annotated[
        list[Annotated[int, Field(ge=1, le=31)]], Field(min_length=2, max_length=2)
    ] = [
        2,
        10,
    ]
    """Range of the quantiser of MPEG-2."""
    vp9_crf: Annotated[list[Annotated[int, Field(ge=0, le=63)]], Field(min_length=2, max_length=2)] = [24, 50]
    """Range of the quality of VP9."""
    codecs: Annotated[list[Literal["h264", "hevc", "mpeg2", "vp9"]], Field(min_length=1)] = [
        "h264",
        "h264",
        "h264",
        "hevc",
        "mpeg2",
    ]
    """One of these is drawn for each clip; repeat what shall come more often."""
    kernels: Annotated[list[Literal["bicubic", "bilinear", "lanczos3"]], Field(min_length=1)] = ["bicubic"]
    """One of these is drawn for each resize."""
    anisotropic: Share = 0.0
    """Of the blurs: of two widths and at any angle."""
    two_rounds: Share = 0.0
    """Of the samples: were blurred, made smaller and enlarged once before."""
    ringing: Share = 0.0
    """Of the samples that are not clean: a filter that leaves waves beside edges."""
    fields: Share = 0.0
    """Of the samples that are not clean: were interlaced once, and show it: lines of two moments woven, both
    blended, or one half of the lines filled in from the other."""
    noise_kinds: Annotated[list[Literal["gaussian", "grain", "sensor", "chroma"]], Field(min_length=1)] = [
        "gaussian"
    ]
    """One of these is drawn for each noisy clip: even; of film; more in light; coarse and in colour alone."""
    dark: Share = 0.0
    """Of the samples: dark, and so is their ground truth. Not with stored targets."""

    @field_validator("crf", "mpeg2_quantiser", "vp9_crf")
    @classmethod
    def _ranges(cls, bounds: list[int]) -> list[int]:
        if bounds[0] > bounds[1]:
            raise ValueError(f"{bounds} runs from more to less; write the lower number first")
        return bounds


class DataOptions(Table):
    """`[data]`: what samples are made of."""

    root: str = "."
    """Folder that all paths of sources are below."""
    cache: str = "cache"
    """Folder of decoded clips; may be deleted at any time between runs."""
    sources: Annotated[list[SourceOptions], Field(min_length=1)]
    degradation: Literal["BI", "BD", "video"] = "BI"
    frames: Annotated[int, Field(ge=1)] = 8
    size: Annotated[int, Field(ge=16)] = 48
    """Side of a sample in LR pixels; HR is four times that."""
    places: Count = 1
    """Of clips: so many places are drawn for each sample and the one with the most detail is taken; skies and
    blurred backgrounds teach little. Of photographs it is always three."""
    frame_steps: Annotated[list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=1)] = [1, 1, 1, 2]
    """Frame-rate change: one of these is drawn, 2 takes every second frame, where the clip is long enough."""
    still: Share = 0.0
    """Of the samples: one frame all the time, as of a camera on a stand. What changes then is made by the
    degradation alone, and has to go. Not with stored targets."""
    soft_below: float = 2.0
    """Clips whose sharpness (provenance) is less ..."""
    soft_weight: Share = 0.25
    """... are drawn this much as often as others."""
    distinct: Annotated[int, Field(ge=0)] = 0
    """Samples repeat after this many, to see whether a network can learn at all; 0 never repeats them."""
    workers: Annotated[int, Field(ge=0, le=64)] = 2
    """Processes that make samples; 0 makes them in the training process."""
    video: VideoOptions = VideoOptions()
