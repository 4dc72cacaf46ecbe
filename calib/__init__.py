"""Centroids, thresholds and map scaling: pure numpy on the runtime side, scikit-learn and scipy only while fitting."""
