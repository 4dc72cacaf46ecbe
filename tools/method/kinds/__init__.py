"""The kinds of synthetic defects, by theme; `tools.method.defects` draws them and lists them all.

surface.py     what every kind is given, and the changes of tone, colour and place they share
augmenters.py  changes of tone for the published kinds
published.py   structural, textural, blur
lines.py       scratch, crack, hairline, fibre
spots.py       specks, pinholes, hole, dent
areas.py       patch, stain, unevenness, chip
"""
