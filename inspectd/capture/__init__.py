"""Capture: one killable process a camera, and what keeps it alive.

The way of a frame here: the driver hands a picture to the capture process (`worker`), which copies it once, into a free
slot of a ring in shared memory (`ring`), and announces it in a small JSON message (`channel`). The daemon's intake
thread (`supervisor`) turns the announcement into a `Frame` whose pixels are a read-only view of that slot, and hands it
to the pipeline. When the pipeline has cut the frame it releases it, and the slot's number goes back to the process
(`process`), to be filled again.

A picture that must not be inspected, because it is blank or frozen, comes the same way with its fault beside it, and
reaches the pipeline as a lost frame that people can look at.

Nothing is pickled, no shared memory has a name, and nothing outlives a kill: the ring is an anonymous file that both
sides inherit, and the capture process dies with the daemon. Every number that a capture process announces reaches the
pipeline exactly once, as a frame or as a lost frame; numbers go on over restarts. What a capture process took but did
not announce before it was killed never existed: its numbers are given again.
"""
