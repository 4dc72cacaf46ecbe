"""What leaves the daemon: the messages, their topics, and the JSON Schema that docs/wire.md shows."""
