"""Adam or Muon over groups of parameters with rates of their own, a cosine schedule, a moving average."""

import copy
import math
from collections.abc import Mapping
from itertools import chain

import torch
from torch import Tensor, nn

from tcnet.errors import UsageError
from tcnet.network import TCNet
from tcnet.network.clean_up import CleanUp
from tcnet.training.config import OptimisationOptions
from tcnet.training.muon import Muon, suits
from tcnet.training.start.starting_point import Parts


def schedule(options: OptimisationOptions, rate: float, step: int) -> float:
    """The learning rate of step 0 <= step < steps: linear warm-up, then half a cosine down to `rate_end`."""
    if rate == 0.0:
        return 0.0
    if step < options.warmup_steps:
        return rate * (step + 1) / (options.warmup_steps + 1)
    progress = (step - options.warmup_steps) / max(1, options.steps - options.warmup_steps)
    end = min(options.rate_end, rate)
    return end + (rate - end) * (1 + math.cos(math.pi * min(1.0, progress))) / 2


_STATE = {torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"}, Muon: {"momentum"}}
"""What each method keeps of a parameter."""


class Optimiser:
    """Takes gradients to weights. Its state is a value: `tensors` out, `load` in; all else follows from the
    number of the step."""

    def __init__(self, parts: Parts, options: OptimisationOptions) -> None:
        self._options = options
        self._parts = parts
        self._groups = (parts.new, parts.imported, parts.flow)
        base = options.rate_imported if parts.imported else options.rate_new
        self._rates = (options.rate_new, options.rate_imported, base * options.flow_fraction)
        self._parameters = dict(chain.from_iterable(group.items() for group in self._groups))
        by_muon, by_adam = [], []  # the groups, each in two
        for group in self._groups:
            kernels = [each for each in group.values() if options.method == "muon" and suits(each)]
            chosen = set(kernels)
            by_muon.append({"params": kernels})
            by_adam.append({"params": [each for each in group.values() if each not in chosen]})
        adam = torch.optim.Adam(by_adam, lr=0.0, betas=(options.betas[0], options.betas[1]))
        self._methods: tuple[torch.optim.Optimizer, ...] = (adam, Muon(by_muon))

    def begin(self, step: int) -> None:
        """Set the rates of this step, clear gradients, and leave out what is not trained in it."""
        rates = self._rates_at(step)
        for method in self._methods:
            for group, rate in zip(method.param_groups, rates, strict=True):
                group["lr"] = rate
        for members, rate in zip(self._groups, rates, strict=True):
            for parameter in members.values():
                # No gradient is computed for it, and without one it is passed by.
                parameter.requires_grad_(rate > 0)
                parameter.grad = None

    def rates(self, step: int) -> dict[str, float]:
        """For the log."""
        return dict(zip(("new", "imported", "flow"), self._rates_at(step), strict=True))

    def trained(self) -> list[nn.Parameter]:
        """The parameters that this step trains, in a fixed order."""
        return [parameter for parameter in self._parameters.values() if parameter.requires_grad]

    @torch.no_grad()
    def step(self, number: int) -> None:
        """One step; imported inputs of partly new weights move at the rate of imported parts."""
        new_rate, imported_rate, _ = self._rates_at(number)
        share = imported_rate / new_rate if new_rate else 1.0
        before = {name: self._parts.new[name].clone() for name in self._parts.imported_inputs}
        for method in self._methods:
            method.step()
        for name, mask in self._parts.imported_inputs.items():
            weight = self._parts.new[name]
            factor = torch.where(mask.to(weight.device), share, 1.0).view(1, -1, 1, 1)
            weight.copy_(before[name] + (weight - before[name]) * factor)

    def tensors(self) -> dict[str, Tensor]:
        """The methods' state by the names of the parameters."""
        return {
            f"{kind}/{name}": value
            for name, parameter in self._parameters.items()
            for method in self._methods
            for kind, value in method.state.get(parameter, {}).items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """The inverse of `tensors`. Raises UsageError for the state of another method."""
        kinds: dict[str, set[str]] = {}
        for key in tensors:
            kind, _, name = key.partition("/")
            kinds.setdefault(name, set()).add(kind)
        names = {parameter: name for name, parameter in self._parameters.items()}
        for method in self._methods:
            state: dict[int, dict[str, Tensor]] = {}
            members = chain.from_iterable(group["params"] for group in method.param_groups)
            for number, parameter in enumerate(members):
                name = names[parameter]
                if name not in kinds:
                    continue  # not trained yet
                if kinds[name] != _STATE[type(method)]:
                    raise UsageError(
                        "the checkpoint is of a run with another optimisation.method: continue with that, or "
                        "start a new run from its weights"
                    )
                state[number] = {
                    kind: _laid_out(tensors[f"{kind}/{name}"], parameter) for kind in kinds[name]
                }
            groups = method.state_dict()["param_groups"]
            method.load_state_dict({"state": state, "param_groups": groups})

    def _rates_at(self, step: int) -> tuple[float, float, float]:
        new, imported, flow = (schedule(self._options, rate, step) for rate in self._rates)
        return new, imported, 0.0 if step < self._options.flow_frozen_steps else flow


def _laid_out(value: Tensor, parameter: nn.Parameter) -> Tensor:
    """In the parameter's memory layout: mixed layouts would take a slow path."""
    if value.shape != parameter.shape:
        return value  # the count of steps
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


class MovingAverage:
    """A copy of the network whose weights are the exponential moving average of the trained ones."""

    def __init__(self, network: TCNet | CleanUp, decay: float) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False).eval()
        self._decay = decay

    @torch.no_grad()
    def update(self, network: TCNet | CleanUp, step: int) -> None:
        """After step number `step`. The first steps count for more, so that the start is soon forgotten."""
        decay = min(self._decay, (1 + step) / (10 + step))
        averages: list[Tensor] = list(self.network.parameters())
        weights: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(averages, weights, 1 - decay)
