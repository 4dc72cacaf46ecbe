"""The live view, `inspectd view`: a page for people at the line, served by a process of its own.

A listener takes what the daemon publishes into a scene of bounded size; whoever looks at the page gets what is new in
it a few times a second. Nobody's slowness is anybody else's: there are no queues, only the scene as it is now.
"""
