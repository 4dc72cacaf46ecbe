"""`inspectd-train report`: what happened on the line in a shift, as one page.

`reading` takes the shift out of the journal, `tally` counts as the verdicts go past, `downtime` finds when nothing was
inspected, `places` where on the frame defects fall; `worst` finds pictures in the archive, `charts` draws, `page` puts
it together.
"""
