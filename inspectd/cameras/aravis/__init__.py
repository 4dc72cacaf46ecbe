"""GigE Vision and USB3 Vision cameras through Aravis (GenICam).

`discovery` finds them, `opening` takes control of one, `configure` and `features` set it, `stream` brings its frames
without a copy, `formats` makes 8-bit pictures of them, `clock` says when each was taken and `numbering` which are
missing, and `driver` is the camera that plugs in behind the seam.
"""
