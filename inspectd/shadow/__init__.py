"""A candidate in the shadow: it scores the frames that the line judges, and changes nothing.

It lives in a process of its own that takes the time nobody else wants (`start`, `worker`; `process` and `trial` are the
daemon's side of it), so that nothing it does, hanging and dying included, is the line's. `shadow` is the daemon's
onlooker; `candidate` judges as the line does, `comparison` compares; `figures` and `disagreements` are what is kept,
`findings` reads it, `telling` and `report` show it.
"""
