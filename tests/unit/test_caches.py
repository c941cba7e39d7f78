"""What is remembered of what clients send is bounded."""

from headwater.base.caches import LONGEST, Kept, remembered


def test_results_of_long_texts_are_not_remembered() -> None:
    asked: list[str] = []

    @remembered(10)
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    for text in ("a" * LONGEST, "b" * (LONGEST + 1)):
        assert length(text) == length(text) == len(text)
    assert [text[0] for text in asked] == ["a", "b", "b"]


def test_what_was_used_longest_ago_goes_first() -> None:
    kept: Kept[str, int] = Kept(100)
    for number, name in enumerate("abcde"):
        kept.keep(name, number, 20)
    assert (len(kept), kept.weight) == (5, 100)
    assert kept.get("a") == 0
    kept.keep("f", 5, 21)
    assert [kept.get(name) for name in "abcdef"] == [0, None, None, 3, 4, 5]
    assert kept.weight == 81
    assert kept.values() == [0, 3, 4, 5]


def test_what_weighs_much_is_not_kept() -> None:
    kept: Kept[str, int] = Kept(100)
    kept.keep("light", 1, 25)
    kept.keep("heavy", 2, 26)
    assert (kept.get("light"), kept.get("heavy"), kept.weight) == (1, None, 25)


def test_what_is_kept_again_weighs_once() -> None:
    kept: Kept[str, int] = Kept(100)
    for weight in (10, 20, 15):
        kept.keep("same", weight, weight)
    assert (len(kept), kept.weight, kept.get("same")) == (1, 15, 15)
