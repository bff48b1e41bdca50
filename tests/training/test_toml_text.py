import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcnet.training.config import load_config
from tcnet.training.toml_text import to_toml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
VALUES = st.one_of(st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), TEXT)
FLAT = st.dictionaries(TEXT, st.one_of(VALUES, st.lists(VALUES, max_size=3)), max_size=3)
NESTED = st.dictionaries(TEXT, st.one_of(VALUES, FLAT, st.lists(FLAT, min_size=1, max_size=2)), max_size=3)
TABLES = st.dictionaries(TEXT, st.one_of(VALUES, NESTED), max_size=3)


@given(TABLES)
def test_tomllib_reads_what_is_written(table):
    assert tomllib.loads(to_toml(table)) == table


def test_a_printed_config_is_the_config(tiny, tmp_path):
    config = tiny.config("run", "data.sources.0.exclude=['a*']")
    path = tmp_path / "printed.toml"
    path.write_text(to_toml(config.model_dump(by_alias=True)))
    assert load_config(path) == config


def test_other_values_are_refused():
    with pytest.raises(TypeError, match="NoneType"):
        to_toml({"a": None})
