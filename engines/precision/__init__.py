"""The bundle's graph in other precisions, and proof that they are safe.

`graph` prepares what training exported. Half precision is for runtimes that take their types from the graph: `half`
converts it, `rounding` makes a CPU round as a GPU does, `safety` holds two precisions against each other. INT8 is for
CPUs: `int8` converts the part that `backbone` finds, with weights that `compensated` has rounded for inputs of which
`moments` tells. They need the onnx package, so the daemon never imports them.
"""
