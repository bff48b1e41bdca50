"""The flow estimator of the temporal metrics: the SPyNet inside the package's own weights."""

import hashlib

import torch
from torch import Tensor

from tcnet.models import load_model
from tcnet.network.flow import SPyNet

FLOW_MODEL = "tcnet-video"


class SpynetEstimator:
    """SPyNet in float32, whatever the precision of the measured models, so that the flow is the same for all.

    name: with the first digits of its weights' SHA-256: figures of different flow weights do not compare.
    """

    def __init__(self, spynet: SPyNet, device: torch.device) -> None:
        self._spynet = spynet.float().to(device).eval()
        self._device = device
        digest = hashlib.sha256()
        for key, tensor in sorted(spynet.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        self.name = f"spynet-{digest.hexdigest()[:12]}"

    @torch.inference_mode()
    def __call__(self, reference: Tensor, neighbour: Tensor) -> Tensor:
        flow: Tensor = self._spynet(reference.to(self._device), neighbour.to(self._device))
        return flow.cpu()


def load_flow_estimator(device: torch.device) -> SpynetEstimator:
    """The SPyNet of FLOW_MODEL. Raises MediaError where its weights are damaged."""
    spynet = load_model(FLOW_MODEL).motion.spynet
    assert spynet is not None  # FLOW_MODEL is made of BasicVSR, which has it
    return SpynetEstimator(spynet, device)
