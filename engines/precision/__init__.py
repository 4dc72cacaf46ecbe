"""The bundle's graph in half precision, for runtimes that take their types from the graph, and proof that it is safe.

`graph` prepares what training exported, `half` converts it, `rounding` makes a CPU round as a GPU does, `safety` holds
the two precisions against each other. They need the onnx package, so the daemon never imports them.
"""
