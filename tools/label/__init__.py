"""`inspectd-train label`: a person says of archived pictures what they show.

`worklist` says which come next, `page` serves them to a browser, `recording` writes down what was said, `regression`
keeps the pictures that every later fit is tested on.
"""
