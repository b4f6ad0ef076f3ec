"""Which fonts of a machine are taken, and that one that is broken breaks nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.charts import typefaces
from agent.charts.typefaces import installed
from agent.reports import fonts


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(typefaces, "_FOLDERS", (str(tmp_path), str(tmp_path / "missing")))
    installed.cache_clear()
    fonts._others.cache_clear()
    return tmp_path


@pytest.fixture(autouse=True)
def as_before() -> object:
    yield
    installed.cache_clear()
    fonts._others.cache_clear()


def test_one_of_each_name_and_its_regular_face(folder: Path) -> None:
    (folder / "deep").mkdir()
    names = ("wqy-zenhei.ttc", "deep/NotoSansCJK-Bold.ttc", "deep/NotoSansCJK-Regular.ttc", "Other.ttf", "ipag.txt")
    for name in names:
        (folder / name).write_bytes(b"")
    assert [path.name for path in installed()] == ["NotoSansCJK-Regular.ttc", "wqy-zenhei.ttc"]


def test_a_broken_one_is_left_out(folder: Path) -> None:
    (folder / "wqy-zenhei.ttc").write_bytes(b"not a font")
    assert fonts._others() == ()
    assert fonts.markup("北") == '<font name="STSong-Light">北</font>'
