"""The adversarial loss: a discriminator that learns beside the network, and what the network loses to it."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tcnet.training.config import AdversarialOptions
from tcnet.training.losses.discriminator import Discriminator

BETAS = (0.9, 0.99)


def _hinge_true(judgement: Tensor) -> Tensor:
    return F.relu(1 - judgement).mean()


def _hinge_restored(judgement: Tensor) -> Tensor:
    return F.relu(1 + judgement).mean()


def _hinge_network(judgement: Tensor) -> Tensor:
    return -judgement.mean()


def _squares_true(judgement: Tensor) -> Tensor:
    return (judgement - 1).square().mean()


def _squares_restored(judgement: Tensor) -> Tensor:
    return judgement.square().mean()


OBJECTIVES: Mapping[str, tuple[Callable[[Tensor], Tensor], ...]] = MappingProxyType(
    {
        "hinge": (_hinge_true, _hinge_restored, _hinge_network),
        "lsgan": (_squares_true, _squares_restored, _squares_true),
    }
)
"""Of judgements: of true clips and restored ones for the discriminator, of restored ones for the network."""


class Adversary:
    """The discriminator with its optimiser. Its state is a value: `tensors` out, `load` in."""

    def __init__(self, options: AdversarialOptions, seed: int, device: torch.device) -> None:
        self._options = options
        self._of_true, self._of_restored, self._of_network = OBJECTIVES[options.objective]
        self.discriminator = Discriminator(options.width, seed).to(device)
        self._adam = torch.optim.Adam(self.discriminator.parameters(), lr=options.rate, betas=BETAS)

    def weight(self, step: int) -> float:
        """Of the network's loss at a step: rises over `rise_steps`, in which the discriminator learns."""
        rising = step < self._options.rise_steps
        return self._options.weight * (step / self._options.rise_steps if rising else 1.0)

    def begin(self) -> None:
        """Clear gradients and advance the norms, once a step."""
        self._adam.zero_grad(set_to_none=True)
        self.discriminator.iterate()

    def network_loss(self, sr_clip: Tensor) -> Tensor:
        """Low where the discriminator takes the clip for true; its own weights get no gradient."""
        self.discriminator.requires_grad_(False)
        loss = _mean(self._of_network, self.discriminator(sr_clip))
        self.discriminator.requires_grad_(True)
        return loss

    def own_loss(self, sr_clip: Tensor, hr_clip: Tensor) -> Tensor:
        """Low where it tells both clips apart; the network gets no gradient."""
        of_true = _mean(self._of_true, self.discriminator(hr_clip))
        return (of_true + _mean(self._of_restored, self.discriminator(sr_clip.detach()))) / 2

    def parameters(self) -> list[nn.Parameter]:
        return list(self.discriminator.parameters())

    def step(self) -> None:
        self._adam.step()

    def tensors(self) -> dict[str, Tensor]:
        """Weights and the optimiser's state."""
        found = {f"weights/{name}": value for name, value in self.discriminator.state_dict().items()}
        for name, parameter in self.discriminator.named_parameters():
            state = self._adam.state.get(parameter, {})
            found |= {f"{kind}/{name}": value for kind, value in state.items()}
        return found

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        by_kind: dict[str, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            kind, _, name = key.partition("/")
            by_kind.setdefault(kind, {})[name] = value
        self.discriminator.load_state_dict(by_kind.pop("weights"))
        state = {
            number: {kind: values[name] for kind, values in by_kind.items() if name in values}
            for number, (name, _) in enumerate(self.discriminator.named_parameters())
        }
        groups = self._adam.state_dict()["param_groups"]
        self._adam.load_state_dict({"state": {n: s for n, s in state.items() if s}, "param_groups": groups})


def _mean(objective: Callable[[Tensor], Tensor], judgements: Sequence[Tensor]) -> Tensor:
    """Frames and changes count the same."""
    return torch.stack([objective(judgement.float()) for judgement in judgements]).mean()
