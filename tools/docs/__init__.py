"""The generated pages: docs/settings.md from the settings, docs/metrics.md from the metrics, docs/wire.md and its JSON
Schema from the messages.

`python -m tools.docs` writes them; a test fails where they differ from what the code says. The prose lies beside this
module in `*.template.md`; what stands there in double braces is filled in.
"""
