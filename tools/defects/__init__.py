"""`inspectd-train defects`: a look at the synthetic defects that training learns from."""
