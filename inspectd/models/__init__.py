"""Models in production: a registry of bundles on disk, which of them judges, and putting another in its place.

`registry` keeps the bundles, `active` says which judges and what did before, `change` carries out what is asked, with
the daemon (`switch`) or without it (`offline`); `command` is the command line.
"""
