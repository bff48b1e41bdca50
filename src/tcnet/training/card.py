"""The card beside the weights that a run leaves: what they are and how good."""

from collections.abc import Mapping
from pathlib import Path

import tomli_w

from tcnet.training.checkpoint import Counters, replace_file
from tcnet.training.config import TrainingConfig

DESCRIPTIONS: Mapping[str, str] = {
    "BI": "BI: MATLAB bicubic, 1/4",
    "BD": "BD: Gaussian blur of sigma 1.6, sampled by 4",
    "video": "random blur, bicubic 1/4, noise, and compression by H.264, HEVC or MPEG-2",
}


def write_card(
    path: Path, config: TrainingConfig, counters: Counters, data: str, figures: Mapping[str, float]
) -> None:
    """A TOML file with those fields of `tcnet.catalogue.ModelCard` that a run knows. data: what it was
    trained on; figures: PSNR of held-out clips by name."""
    teacher = f"; teacher: {' + '.join(config.teacher.models)}" if config.teacher.models else ""
    card = {
        "summary": config.card.summary,
        "weights": f"{config.name}.safetensors",
        "degradation": DESCRIPTIONS[config.data.degradation],
        "data": data + teacher,
        "steps": counters.step,
        "licence": config.card.licence,
        "source": f"{config.card.source}; started from {Path(config.start.model).name}",
        "figures": {name: f"PSNR-Y {value:.3f} dB (validation)" for name, value in figures.items()},
    }
    replace_file(path, tomli_w.dumps(card).encode())
