"""CSE: contrastive learning against synthetic defects, kept beside a bank of what good looks like.

After Thomine & Snoussi, "CSE: Surface Anomaly Detection with Contrastively Selected Embedding" (VISAPP 2024), and its
authors' public code. Read in this order: `features`, `embedder`, `decoder`, `defects`, `losses`, `bank`, `score`.
"""
