"""Pictures and videos that show how versions of a video differ."""

from tcnet.compare.compare_job import CompareResult, compare_videos
from tcnet.compare.compare_options import CompareOptions
from tcnet.compare.views import VIEWS, Crop

__all__ = ["VIEWS", "CompareOptions", "CompareResult", "Crop", "compare_videos"]
