"""The fonts of this machine for what DejaVu, which comes with matplotlib, has no glyphs for."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")
_NAMES = (
    "NotoSansCJK", "NotoSansSC", "NotoSansJP", "NotoSansKR", "NotoSansTC", "SourceHanSans", "DroidSansFallback",
    "wqy-zenhei", "wqy-microhei", "NanumGothic", "ipag", "TakaoGothic",
    "NotoSansArabic", "NotoSansHebrew", "NotoSansThai", "NotoSansDevanagari",
)  # fmt: skip
_ENDINGS = (".ttf", ".ttc", ".otf", ".otc")
_MOST = 10_000  # files that are looked at


@cache
def installed() -> tuple[Path, ...]:
    """The files of the fonts that are there, those that know the most first: one of each name, its regular face."""
    files = [path for folder in _FOLDERS for path in _files(Path(folder).expanduser())]
    found = ([path for path in files if path.name.startswith(name)] for name in _NAMES)
    return tuple(min(paths, key=lambda path: ("Regular" not in path.stem, path.name)) for paths in found if paths)


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, _, names in os.walk(folder):
        found += [Path(place, name) for name in names if name.lower().endswith(_ENDINGS)]
        if len(found) > _MOST:
            break
    return found
