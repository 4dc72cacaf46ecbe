"""The journal: every verdict, durable before it is published, in one SQLite file.

`writer` has the daemon's side, `reader` that of whoever replays; `file` opens and checks the file, `lock` keeps a
second daemon out.
"""

from inspectd.journal.lock import lock_holder
from inspectd.journal.reader import Bounds, JournalReader
from inspectd.journal.writer import Journal

__all__ = ["Bounds", "Journal", "JournalReader", "lock_holder"]
