"""CSE: evidence learned by contrast with synthetic defects, kept beside a bank of what good looks like.

After Thomine & Snoussi, "CSE: Surface Anomaly Detection with Contrastively Selected Embedding" (VISAPP 2024), and its
authors' public code. Read in this order: `features`, `projection`, `bank`, `defects`, `evidence`, `scorers`, `score`;
the method as published, which the other is held against, is in `embedder`, `decoder` and `losses`.
"""
