"""`retention` of `defaults`, of a source and of a reading: what each says counts before what is above it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from agent.config.configuration import SourceEntry
from agent.config.document import Document
from agent.config.errors import Path
from agent.config.language import Defaults
from agent.store.keeping import WIDTHS, Keeping, Retention
from connectors.fields import FOREVER, RetentionSection
from rules.words import span

_NAMES = {"raw": "raw readings", "hourly": "hourly roll-ups", "daily": "daily roll-ups"}


def build_keeping(defaults: Defaults, sources: Mapping[str, SourceEntry], document: Document) -> Keeping:
    """What the configuration says; contradictions are reported to the document."""
    general = defaults.retention
    default = Retention() if general is None else _resolved(general, Retention(), ("defaults",), document)
    given: dict[tuple[str, str], Retention] = {}
    for name, entry in sources.items():
        path: Path = ("sources", name)
        own: RetentionSection | None = getattr(entry.config, "retention", None)
        whole = default if own is None else _resolved(own, default, path, document)
        if own is not None:
            given[name, ""] = whole
        found: dict[str, Retention] = {}
        for index, reading in enumerate(getattr(entry.config, "readings", ())):
            at = (*path, "readings", index)
            said = getattr(reading, "retention", None)
            kept = whole if said is None else _resolved(said, whole, at, document)
            if found.setdefault(reading.series, kept) != kept:
                message = f"another entry of this source gives {reading.series} too, and keeps it for another time"
                document.report((*at, "retention") if said else at, message)
            if said is not None:
                given[name, reading.series] = kept
    return Keeping(default if general is not None else None, given)


def _resolved(said: RetentionSection, above: Retention, path: Path, document: Document) -> Retention:
    """What is not said is inherited, and at least as long as what is finer."""
    found = above._asdict()
    found |= {width: kept for width in WIDTHS if (kept := getattr(said, width)) is not None}
    for finer, width in pairwise(WIDTHS):
        if getattr(said, width) is None:
            found[width] = max(found[width], found[finer])
        elif found[width] < found[finer]:
            length = "for ever" if found[finer] == FOREVER else f"for {span(found[finer])}"
            document.report(
                (*path, "retention", width),
                f"{_NAMES[finer]} are kept {length}, and {_NAMES[width]} can't be gone sooner",
            )
            found[width] = found[finer]
    return Retention(**found)
