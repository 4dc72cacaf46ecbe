"""The demonstration: the real daemon on a real surface, from nothing to a table of hits and false alarms.

`./demo` sets up an environment of its own and runs this package. `web` makes the moving surface, `blemishes` draws the
defects on it, `folder` takes the user's own surface instead, `scene` is either with its truth, `show` runs the daemon
and tells what it says, `outcome` holds that against the truth, `picture` draws it.
"""
