"""Sets of characters that have names in RE2, all of ASCII, as ranges of code points with both ends included."""

from __future__ import annotations

from collections.abc import Sequence

Ranges = Sequence[tuple[int, int]]
_LAST, _LAST_OF_ASCII = 0x10FFFF, 0x7F
_FOLDED = {"s": 0x17F, "k": 0x212A}  # the only characters outside of ASCII whose case folds into it
OF_ITS_OWN = "\u0130\u0131"
"""The Turkish I with a dot and i without: `re` takes them for an i where case is ignored, RE2 does not."""


def _ranges(text: str) -> Ranges:
    """Those of pairs of characters: `azAZ`."""
    return [(ord(low), ord(high)) for low, high in zip(text[::2], text[1::2], strict=True)]


CLASSES: dict[str, Ranges] = {
    "alnum": _ranges("09AZaz"),
    "alpha": _ranges("AZaz"),
    "ascii": _ranges("\0\x7f"),
    "blank": _ranges("\t\t  "),
    "cntrl": _ranges("\0\x1f\x7f\x7f"),
    "digit": _ranges("09"),
    "graph": _ranges("!~"),
    "lower": _ranges("az"),
    "print": _ranges(" ~"),
    "punct": _ranges("!/:@[`{~"),
    "space": _ranges("\t\r  "),
    "upper": _ranges("AZ"),
    "word": _ranges("09AZaz__"),
    "xdigit": _ranges("09AFaf"),
}
"""What stands between `[:` and `:]`."""


def complement(ranges: Ranges, *, fold: bool = False) -> Ranges:
    """All other characters; if case is ignored, those neither of whose cases is in the ranges."""
    inside = list(ranges)
    if fold:
        inside += [(code, code) for sign, code in _FOLDED.items() if _has(ranges, sign) or _has(ranges, sign.upper())]
    found: list[tuple[int, int]] = []
    after = 0
    for low, high in sorted(inside):
        if low > after:
            found.append((after, low - 1))
        after = max(after, high + 1)
    return [*found, (after, _LAST)] if after <= _LAST else found


def folded(ranges: Ranges) -> Ranges | None:
    """The ranges with the other case of each character; None where some are not of ASCII."""
    if any(high > _LAST_OF_ASCII for _, high in ranges):
        return None
    signs = {chr(code) for low, high in ranges for code in range(low, high + 1)}
    others = {ord(sign.swapcase()) for sign in signs} | {
        _FOLDED[low] for sign in signs if (low := sign.lower()) in _FOLDED
    }
    return [*ranges, *((code, code) for code in sorted(others))]


def _has(ranges: Ranges, sign: str) -> bool:
    return any(low <= ord(sign) <= high for low, high in ranges)


PERL: dict[str, Ranges] = {"d": CLASSES["digit"], "s": _ranges("\t\n\f\r  "), "w": CLASSES["word"]}
"""What `\\d`, `\\s` and `\\w` mean."""


def written(ranges: Ranges) -> str:
    """The ranges as they stand in a class of `re`."""
    return "".join(f"\\U{low:08x}-\\U{high:08x}" if low < high else f"\\U{low:08x}" for low, high in ranges)
