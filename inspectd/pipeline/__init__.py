"""From frame to verdict.

`ledger` remembers everything that is to get a verdict until it is settled, once; `triggers` knows which frame belongs
to which part of `parts`; `queues` holds the frames that wait, under their drop policies; `batches` fills the engine's
batches across frames and cameras; `judging` says what a frame's map comes to; `drafting` writes the verdicts;
`inspector` runs the threads, each a `stage`. `policy` is what all of them must know of a camera.
"""
