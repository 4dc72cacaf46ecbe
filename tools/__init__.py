"""`inspectd-train` and the demonstration: learning, evaluating, building, measuring."""
