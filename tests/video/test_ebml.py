import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcnet.video.ebml import VOID, make_element, make_void, read_elements

KINDS = st.sampled_from([0xEC, 0xAE, 0x536E, 0x1654AE6B])


@given(st.lists(st.tuples(KINDS, st.binary(max_size=200)), max_size=5))
def test_what_is_made_is_read(entries):
    data = b"".join(make_element(kind, content) for kind, content in entries)
    found = [(e.kind, data[e.content : e.stop]) for e in read_elements(data, 0, len(data))]
    assert found == entries


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data):
    stops = [element.stop for element in read_elements(data, 0, len(data))]
    assert stops == sorted(stops)
    assert all(stop <= len(data) for stop in stops)


@pytest.mark.parametrize("length", [2, 9, 10, 11, 200])
def test_empty_elements_have_the_length_that_is_asked_for(length):
    data = make_void(length)
    assert len(data) == length
    assert [(e.kind, e.stop) for e in read_elements(data, 0, length)] == [(VOID, length)]
