"""Which shard each source and target belongs to: what reads one another is in the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from agent.store.commits import SHARDS
from rules.specs import Specs


def assign(specs: Specs) -> dict[str, int]:
    """The shard (0 to SHARDS - 1) of each source by name.

    Sources whose series meet in one target go together, with the target; a group goes by its smallest name, so that it
    stays where it is while the configuration around it changes.
    """
    groups = _groups([(name, *(f"{target}\0" for target in specs.targets_of(name))) for name in specs.sources])
    return {name: shard_of(min(group)) for group in groups for name in group if name in specs.sources}


def shard_of(name: str) -> int:
    """A stable shard of a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4]) % SHARDS


def _groups(edges: Iterable[tuple[str, ...]]) -> list[set[str]]:
    """The connected components of a graph, each edge given as names that belong together."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        parent.setdefault(name, name)
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for edge in edges:
        for name in edge:
            parent[root(name)] = root(edge[0])
    groups: dict[str, set[str]] = {}
    for name in list(parent):
        groups.setdefault(root(name), set()).add(name)
    return list(groups.values())
