"""The method (CSE) in modules that a reader of the paper recognises: features, embedder, decoder, losses, defects, bank."""
