"""The archive: pictures of what was inspected, with their maps and verdicts, as plain files that a person can browse.

    <archive>/archive.json                              which journals it has seen, in order
    <archive>/2026-11-25/web/1-000000123-FAIL.png       the picture as the engine got it, lossless; not on every ERROR
    <archive>/2026-11-25/web/1-000000123-FAIL.map.npz   distance (rows×columns float16), cell (px), area (a PNG, where
                                                        not all of the picture is inspected); not on ERROR
    <archive>/2026-11-25/web/1-000000123-FAIL.json      the verdict as it was published; written last
    <archive>/2026-11-25/web/1-000000123-FAIL.label.json  what a person said of it, where one did

An entry is there as long as its `.json` is: the other files come before it and go after it. A name is
`<journal>-<sequence>-<kept>`: the place of the verdict's journal in `archive.json`, the verdict's number, and why it
was kept (`FAIL`, `ERROR`, `PASS-near`, `PASS-sample`). Journal and sequence give the order; the day, UTC, is that of
the capture, and wrong where the clock was.

`reader` is for whoever looks at an archive; `Archive` fills one while the daemon runs.
"""

from inspectd.archive.archive import Archive
from inspectd.archive.labels import Label, Opinion
from inspectd.archive.layout import EntryName, Kept
from inspectd.archive.reader import ArchiveReader, Entry

__all__ = ["Archive", "ArchiveReader", "Entry", "EntryName", "Kept", "Label", "Opinion"]
