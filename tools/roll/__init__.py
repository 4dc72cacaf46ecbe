"""`inspectd-train roll`: the defect map of a roll, from the verdicts in the journal.

`reading` takes the verdicts of one roll out of the journal, `roll` makes defects and uninspected stretches of them,
`picture` draws, `files` writes.
"""
