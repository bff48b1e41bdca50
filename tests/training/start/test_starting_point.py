"""From which weights a run starts."""

import torch

from detail_models import write_detail_models
from tcnet.models import load_model
from tcnet.training.config import network_config
from tcnet.training.start.starting_point import starting_network


def test_a_model_whose_detail_can_be_chosen_is_the_start_as_its_own_file_has_it(tiny):
    vivid = write_detail_models(tiny.folder, config=network_config(tiny.config().network))
    started = starting_network(tiny.config("run", f"start.from={vivid}")).state_dict()
    own, usual = (load_model(vivid, detail=detail).state_dict() for detail in (1, None))
    assert all(torch.equal(value, own[name]) for name, value in started.items())
    assert not all(torch.equal(value, usual[name]) for name, value in started.items())
