import pytest

from tcnet.catalogue import (
    CLEAN_UP_NAME,
    DEFAULT_MODEL,
    NAMES,
    USES,
    list_models,
    model_card,
    weights_folder,
    weights_path,
)

MOST_BYTES = 16 * 2**20


@pytest.mark.parametrize("name", NAMES)
def test_cards_are_complete_and_their_weights_are_there(name):
    card = model_card(name)
    assert card.name == name
    for field in ("summary", "weights", "degradation", "data", "licence", "source"):
        assert getattr(card, field).strip(), field
    assert card.use in USES
    assert card.gain.psnr > 0 or (card.gain.lpips is not None and card.gain.lpips < 0)
    assert card.gain.on
    assert card.gain.measured
    assert card.steps >= 0
    if card.detail is not None:
        assert card.detail.base in NAMES
        assert model_card(card.detail.base).detail is None
    assert weights_path(name).is_file()
    assert weights_path(name).stat().st_size <= MOST_BYTES


def test_the_list_has_every_model_once_and_the_default_first():
    cards = list_models()
    files = {path.name for path in weights_folder().glob("*.safetensors")}
    assert {card.weights for card in cards} == files - {CLEAN_UP_NAME}
    assert [card.name for card in cards if card.default] == [DEFAULT_MODEL] == [cards[0].name]
    assert cards[0].use == "files"
    assert [card.use for card in cards] == sorted((card.use for card in cards), key=USES.index)
