"""What `engines.cuda.pycuda` uses of pycuda, with pycuda 2026.1's own signatures, over the fake CUDA driver.

pycuda is compiled on the PC where it runs, so tests have none. Source of the signatures: pycuda's
src/wrapper/wrap_cudadrv.cpp (`BOOST_PYTHON_MODULE`), pycuda/driver.py and pycuda/compiler.py. The suite that runs on
this has passed on pycuda 2026.1 itself as well, compiled against the fake driver.
"""
