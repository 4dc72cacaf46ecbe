"""From frame to verdict.

`ledger` remembers every frame taken until its verdict is settled, once; `queues` holds the frames that wait, under
their drop policies; `batches` fills the engine's batches across frames and cameras; `drafting` writes the verdicts;
`inspector` runs the threads, each a `stage`.
"""
