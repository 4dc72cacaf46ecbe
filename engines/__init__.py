"""Model bundles, and the runtimes that run them.

`bundle` reads and writes what training ships, `tiling` cuts frames and stitches maps, `base` is the small interface
every runtime keeps, `golden` holds a runtime to the bundle's own expected scores before it may judge anything.
`onnx` runs it on a CPU; `tensorrt` runs what `tensorrt_build` built and `builds` keeps, on the GPU behind `cuda`.
"""
