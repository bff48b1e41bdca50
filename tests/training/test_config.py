from pathlib import Path

import pytest

from tcnet.catalogue import NAMES
from tcnet.errors import UsageError
from tcnet.network import CONFIGS
from tcnet.training.config import load_config, network_config

CONFIGS_DIR = Path(__file__).parents[2] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS_DIR.glob("*.toml")), ids=lambda path: path.stem)
def test_every_config_of_the_repository_is_valid(path):
    config = load_config(path)
    assert config.out == f"runs/{config.name}"
    assert network_config(config.network)


def test_the_configs_are_all_there():
    names = {path.stem for path in CONFIGS_DIR.glob("*.toml")}
    assert names >= {*NAMES, "smoke", "paper-reds", "paper-vimeo"}


def test_values_are_overridden_in_toml_and_bare_words_are_text(tiny):
    config = tiny.config(
        "x", "optimisation.steps=9", "start.from=tcnet-bi", "data.sources.0.share=2.5", 'teacher.models=["a"]'
    )
    assert config.optimisation.steps == 9
    assert config.start.model == "tcnet-bi"
    assert config.data.sources[0].share == 2.5
    assert config.teacher.models == ["a"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimisation.stepps=3", "unknown key 'optimisation.stepps'"),
        ("optimisation.steps=many", "optimisation.steps: .*integer.*'many'"),
        ("optimisation.steps=0", "optimisation.steps"),
        ("data.size=8", "data.size"),
        ("data.degradation=BX", "data.degradation"),
        ("data.sources.0.kind=films", "data.sources.0.kind"),
        ("data.sources.3.kind=reds", "3 is not an entry"),
        ("network.chanels=8", "network: unknown key 'chanels'"),
        ("network.channels=7", "multiple of 8"),
        ("network.channels=big", "channels"),
        ("network.preset=huge", "huge"),
        ("validation.conditions=['BI+crf']", "BI\\+crf"),
        ("name=a/b", "name"),
        ("loss.features=-1", "loss.features"),
        ("loss.looks=1", "unknown key 'loss.looks'"),
        ("adversarial.objective=wgan", "adversarial.objective: .*'wgan'"),
        ("adversarial.width=2", "adversarial.width"),
        ("adversarial.rate=0.0", "adversarial.rate"),
        ("seed.x=1", "seed"),
        ("steps", "key=value"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tiny, change, message):
    changes = ["seed=1", change] if change.startswith("seed.") else [change]
    with pytest.raises(UsageError, match=message) as error:
        tiny.config("x", *changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["adversarial.weight=0.1", "data.size=18"], "data.size must be a multiple of 4 for it, not 18"),
        (["loss.temporal=1.0", "data.frames=1"], "loss.temporal compares frames: set data.frames to 2"),
        (["data.video.dark=0.5", "teacher.stored=true", "teacher.models=['a']"], "data.video.dark darkens"),
        (["data.still=0.5", "teacher.stored=true", "teacher.models=['a']"], "data.still holds"),
        (["data.video.crf=[30, 20]"], "data.video.crf: .*runs from more to less"),
        (["loss.reversal=1.0", "data.frames=1"], "loss.reversal compares frames"),
    ],
)
def test_losses_say_what_clips_they_need(tiny, changes, message):
    with pytest.raises(UsageError, match=message) as error:
        tiny.config("x", *changes)
    assert "\n" not in str(error.value)


def test_missing_files_tables_and_wrong_toml(tmp_path):
    with pytest.raises(UsageError, match=r"none\.toml"):
        load_config(tmp_path / "none.toml")
    (tmp_path / "a.toml").write_text("name = ")
    with pytest.raises(UsageError, match="not valid TOML"):
        load_config(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text('name = "b"\nout = "b"\n[optimisation]\nsteps = 1\n')
    with pytest.raises(UsageError, match="key 'data' is missing"):
        load_config(tmp_path / "b.toml")


def test_a_preset_with_changes():
    assert network_config({"preset": "paper"}) == CONFIGS["paper"]
    assert network_config({"preset": "paper", "channels": 32}).channels == 32
