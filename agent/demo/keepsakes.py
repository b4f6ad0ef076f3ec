"""What a telling leaves behind: each message as a picture, each chart, and all messages as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from agent.demo.picture import message_png
from agent.demo.slack import SlackServer
from agent.demo.slack_parts import Message

_OWN = ("slack-*.png", "chart-*.png", "messages.json", "setpoint.yaml", "setpoint.db*", "daemon.log")


def clear(output: Path) -> None:
    """Removes what an earlier telling left, and nothing else."""
    for pattern in _OWN:
        for path in output.glob(pattern):
            path.unlink()


def keep_all(output: Path, slack: SlackServer, posted: Callable[[Message], str]) -> list[Path]:
    """Writes everything as it is now and returns the paths."""
    names = {channel.id: channel.name for channel in slack.channels.values()}
    pictures = {identity: file.content for identity, file in slack.files.items()}
    made: list[Path] = []

    def keep(name: str, content: bytes) -> None:
        made.append(output / name)
        made[-1].write_bytes(content)

    for number, message in enumerate(slack.messages, 1):
        name = f"{number}-{names[message.channel]}.png"
        keep(f"slack-{name}", message_png(names[message.channel], posted(message), message.blocks, pictures))
        for block in message.blocks:
            if block["type"] == "image":
                keep(f"chart-{name}", pictures[block["slack_file"]["id"]])
    told = [
        {
            "channel": names[message.channel],
            "ts": message.ts,
            "thread_ts": message.thread_ts,
            "text": message.text,
            "blocks": message.blocks,
            "before": [{"text": version.text, "blocks": version.blocks} for version in message.history],
        }
        for message in slack.messages
    ]
    keep("messages.json", json.dumps(told, indent=2, ensure_ascii=False).encode())
    return made
