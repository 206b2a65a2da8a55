from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemolog.projections.language import MAX_WORD, terms

anything = st.text(st.characters(exclude_categories=[]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Running runs; she RUNS", ["run", "run", "run"]),
        ("Melanie's pottery classes", ["melani", "potteri", "class"]),
        ("naïve Café, Übung", ["naiv", "cafe", "ubung"]),
        ("Straße", ["strass"]),
        ("ＡＢＣ １２", ["abc", "12"]),
        ("snake_case and foo-bar", ["snake", "case", "foo", "bar"]),
        ("iPhone15 in 2023", ["iphone15", "2023"]),
        ("Who are you?", []),
        ("🙂 — …", []),
        ("", []),
    ],
)
def test_words_lose_case_accents_and_endings_and_function_words_go(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我喜欢咖啡", ["我喜", "喜欢", "欢咖", "咖啡"]),
        ("茶", ["茶"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("ｶﾞｲﾄﾞ", ["ガイ", "イド"]),
        ("제주도 여행", ["제주", "주도", "여행"]),
        ("𠮷野家", ["𠮷野", "野家"]),
        ("咖啡，绿茶", ["咖啡", "绿茶"]),
        ("买iPhone15的人", ["买", "iphone15", "的人"]),
        ("5月8日", ["5", "月", "8", "日"]),
        ("ทะเล", ["ทะ", "ะเ", "เล"]),
    ],
)
def test_scripts_without_spaces_become_overlapping_pairs(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("Привет, мир", ["привет", "мир"]), ("हिन्दी भाषा", ["हिन्दी", "भाषा"])])
def test_words_of_other_alphabets_stay_whole(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("composed", "decomposed"),
    [("café", "cafe\u0301"), ("ガイド", "カ\u3099イト\u3099"), ("한국", "\u1112\u1161\u11ab국")],
)
def test_how_a_text_is_encoded_makes_no_difference(composed: str, decomposed: str) -> None:
    assert terms(composed) == terms(decomposed)


CORPUS = {
    "zh": [
        "我每天早上喝一杯拿铁咖啡。",
        "周末常常去公园跑步。",
        "她对花生过敏，不能吃花生酱。",
        "去年夏天我们去了云南旅行。",
    ],
    "ja": [
        "毎朝コーヒーを飲みます。",
        "週末は公園で走ることが多いです。",
        "彼女はピーナッツアレルギーです。",
        "去年の夏、沖縄へ旅行に行きました。",
    ],
    "ko": [
        "저는 매일 아침 커피를 마셔요.",
        "주말에는 공원에서 자주 달려요.",
        "그녀는 땅콩 알레르기가 있어요.",
        "작년 여름에 제주도로 여행을 갔어요.",
    ],
    "mixed": [
        "我的MacBook坏了，要送去Apple Store修理。",
        "明天3点和Tom开会讨论Q3预算。",
        "ジムのpasswordを変更した。",
        "서버를 AWS로 옮겼다.",
    ],
}
QUESTIONS = {
    "zh": ["早上喝什么咖啡？", "在哪里跑步？", "对什么过敏？", "夏天去哪里旅行了？"],
    "ja": ["朝は何のコーヒー？", "公園で何をしますか", "アレルギーはありますか", "夏の旅行はどこ？"],
    "ko": ["아침에 커피 마셔요?", "공원에서 뭐 해요?", "알레르기 있어요?", "여름 여행은 제주도?"],
    "mixed": ["macbook修理", "和tom的预算会议", "ジムのPassword", "aws 서버"],
}


@pytest.mark.parametrize("language", CORPUS)
def test_a_question_shares_more_terms_with_its_answer_than_with_any_other_text(language: str) -> None:
    for number, question in enumerate(QUESTIONS[language]):
        asked = set(terms(question))
        shared = [len(asked & set(terms(text))) for text in CORPUS[language]]
        assert shared[number] > max(count for other, count in enumerate(shared) if other != number)


@given(anything)
def test_no_text_breaks_it_and_the_same_text_gives_the_same_terms(text: str) -> None:
    found = terms(text)
    assert found == terms(text)
    assert all(0 < len(term) <= MAX_WORD for term in found)


@given(st.text(st.sampled_from("abcdefghijklmnop "), max_size=60))
def test_case_makes_no_difference(text: str) -> None:
    assert terms(text.upper()) == terms(text)


def test_a_blob_without_spaces_is_one_short_term() -> None:
    assert [len(term) for term in terms("x" * 65536)] == [MAX_WORD]


def test_terms_are_the_same_in_another_process() -> None:
    text = " ".join(sum(CORPUS.values(), ["Running the marathons"]))
    code = f"from mnemolog.projections.language import terms; print(ascii(terms({text!r})))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == ascii(terms(text))


def test_many_threads_may_ask_at_once() -> None:
    words = [f"{stem}{ending}" for stem in ("comput", "relat", "nation") for ending in ("ing", "ional", "ized")]
    texts = [f"{word} {word}s {number}x" for number in range(50) for word in words]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(terms, texts)) == [terms(text) for text in texts]
