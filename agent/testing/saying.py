"""How tests ended: for people, for programs, and as JUnit's XML for machines that run tests.

Source of the XML: https://github.com/testmoapp/junitxml
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from agent.testing.comparing import Failure

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of a file."""

    file: str
    name: str
    seconds: float
    failures: tuple[Failure, ...]


def lines(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """One line for each test, the differences below those that failed, and the sum."""
    for one in outcomes:
        yield f"{'FAIL' if one.failures else 'ok  '}  {one.file}: {one.name}"
        for failure in one.failures:
            yield f"      {failure.place}: {failure.about} (- expected, + got)"
            yield from (f"        {line}".rstrip() for line in failure.diff)
    failed = sum(bool(one.failures) for one in outcomes)
    yield f"{len(outcomes)} test{'' if len(outcomes) == 1 else 's'}, {failed or 'none'} failed"


def plain(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "tests": [
            {
                "file": one.file,
                "name": one.name,
                "seconds": round(one.seconds, 6),
                "passed": not one.failures,
                "failures": [
                    {"place": failure.place, "about": failure.about, "diff": list(failure.diff)}
                    for failure in one.failures
                ],
            }
            for one in outcomes
        ],
        "failed": sum(bool(one.failures) for one in outcomes),
    }


def junit(outcomes: Sequence[Outcome]) -> bytes:
    """One suite for each file, one case for each test."""
    from xml.etree import ElementTree as ET

    root = ET.Element("testsuites", _counts(outcomes, name="setpoint test"))
    for file in dict.fromkeys(one.file for one in outcomes):
        of_file = [one for one in outcomes if one.file == file]
        suite = ET.SubElement(root, "testsuite", _counts(of_file, name=file))
        for one in of_file:
            said = {"classname": _xml(file), "name": _xml(one.name), "time": f"{one.seconds:.3f}", "file": _xml(file)}
            case = ET.SubElement(suite, "testcase", said)
            if one.failures:
                about = "; ".join(failure.about for failure in one.failures)
                text = "\n".join(
                    line for failure in one.failures for line in (f"{failure.place}: {failure.about}", *failure.diff)
                )
                failed = ET.SubElement(case, "failure", {"message": _xml(about), "type": "difference"})
                failed.text = _xml(text)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'.encode()


def _counts(outcomes: Sequence[Outcome], name: str) -> dict[str, str]:
    return {
        "name": _xml(name),
        "tests": str(len(outcomes)),
        "failures": str(sum(bool(one.failures) for one in outcomes)),
        "errors": "0",
        "skipped": "0",
        "time": f"{sum(one.seconds for one in outcomes):.3f}",
    }


def _xml(text: str) -> str:
    return _NOT_IN_XML.sub("�", text)
