"""One video on many machines, or on all GPUs of one: windows are computed by the workers of a Ray cluster.

with tcnet.cluster.open_cluster("auto") as cluster:
    tcnet.upscale_video("in.mp4", "out.mp4", cluster=cluster)

Needs the extra `cluster` (Ray); importing this does not.
"""

from tcnet.cluster.cluster import RayCluster, open_cluster

__all__ = ["RayCluster", "open_cluster"]
