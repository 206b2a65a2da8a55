from __future__ import annotations

import pytest

from mnemolog.adapters.embedders.post import Address, Poster
from mnemolog.domain.refusals import Invalid


@pytest.mark.parametrize("url", ["http://localhost:1/v1", "http://[::1]:8080", "http://127.8.8.8", "https://a.io"])
def test_plain_http_is_for_this_machine(url: str) -> None:
    assert Address.of(url).scheme == url.partition(":")[0]


@pytest.mark.parametrize("url", ["http://a.io/v1", "http://localhost.a.io", "http://10.0.0.1", "http://0.0.0.0"])
def test_plain_http_to_other_machines_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="use https"):
        Address.of(url)


@pytest.mark.parametrize("url", ["", "a.io", "https://", "file:///etc/passwd", "https://a.io:port", "https://[::1"])
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(Invalid, match="url of the endpoint"):
        Address.of(url)


@pytest.mark.parametrize(
    "url", ["https://me:sk-secret@a.io", "https://a.io/v1?key=sk-secret", "https://a.io#sk-secret"]
)
def test_an_address_that_holds_more_than_a_place_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Invalid) as refused:
        Address.of(url)
    assert "sk-secret" not in str(refused.value)


def test_spelling_does_not_change_what_an_address_is() -> None:
    assert Address.of("https://API.example.com/v1/") == Address.of("https://api.example.com/v1")
    assert Address.of("https://api.example.com:8443/v1").identity == "api.example.com:8443/v1"
    assert Address.of("http://[::1]:80/v1").identity == "[::1]:80/v1"


@pytest.mark.parametrize("key", ["sk-secret\r\nHost: b.io", "sk-secret\n", "sk-secret-é"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(Invalid) as refused:
        Poster(Address.of("https://a.io"), key, timeout=1, pause=0)
    assert "sk-secret" not in str(refused.value)
