"""`inspectd-train study`: methods × surfaces × seeds, one table and one plot.

Read in this order: `views`, `splitting`, `trial`, `results`, `tables`, `plot`, `command`.
"""
