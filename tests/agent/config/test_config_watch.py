"""`watch`: how many sources have to fail for the daemon to be blind."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.errors import ConfigErrors
from agent.config.load import load


def of(folder: Path, text: str) -> float:
    path = folder / "setpoint.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path, {}).blind


@pytest.mark.parametrize(
    ("text", "blind"),
    [
        ("sources: {}", 0.5),
        ("watch: {}", 0.5),
        ("watch: {blind: 20%}", 0.2),
        ("watch: {blind: 100%}", 1.0),
        ("watch: {blind: 0.75}", 0.75),
    ],
)
def test_the_share(tmp_path: Path, text: str, blind: float) -> None:
    assert of(tmp_path, text) == blind


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watch: {blind: 0%}", "1:16: watch.blind: "),
        ("watch: {blind: 120%}", "1:16: watch.blind: "),
        ("watch: {blind: many}", "has to be a number, or a percentage such as 99.9%"),
        ("watch: {blnd: 20%}", "1:9: watch.blnd: unknown key (did you mean blind?)"),
        ("wach: {blind: 20%}", "did you mean watch?"),
        ("watch: 50%", "watch: "),
    ],
)
def test_mistakes(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as caught:
        of(tmp_path, text)
    assert len(caught.value.errors) == 1
    assert said in str(caught.value.errors[0])
