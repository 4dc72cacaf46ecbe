"""A moving web: where a frame lies on it, what of the frame is new, and which defects go on from one frame to the next.

A place on the web is given by two coordinates, mm: `along` the web, counted as its first metre, its second and so on,
and `across` it. `position` knows how far the web had moved at a moment, with what `counts` takes from the control
socket; `seam` what of a frame no earlier one has shown; `tracks` which regions are one defect; `web` puts them together
for one camera.
"""
