"""Files that hold secrets: `<key>_file` in a configuration, `<NAME>_FILE` among the settings."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_MOST = 64_000  # bytes


def read_small(path: Path) -> str:
    """The text of a file that holds a secret, stripped. Raises OSError; ValueError for what can be no path or text.

    A pipe would be waited for, and a device may have no end.
    """
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is not a file")
        data = file.read(_MOST + 1)
    if len(data) > _MOST:
        raise OSError(errno.EFBIG, f"is larger than {_MOST:,} bytes")
    return data.decode().strip()
