"""`inspectd doctor`: looks at this PC, one subject after the other, and says what is missing and how to install it.

A subject first reads facts, from files and programs as they are, and then judges them; the reading can be tested on a
made-up `/proc` and `PATH`, the judging on made-up facts. What no configuration asks for is told as a note at most.
"""
