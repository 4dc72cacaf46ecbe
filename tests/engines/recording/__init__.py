"""A GPU that is none: it does the work in NumPy and ONNX Runtime, late and in random order, and knows CUDA's rules.

`memory` holds what was allocated and finds races by vector clocks; `driver` implements the seam `engines.cuda.driver`;
`plan` the seam `engines.plan`. Whoever breaks a rule gets a `Violation`.
"""
