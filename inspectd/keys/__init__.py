"""CURVE keys: their files, the directory of those that a daemon lets in, and the commands that make them."""
