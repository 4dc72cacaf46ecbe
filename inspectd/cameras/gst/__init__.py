"""Cameras through GStreamer: any pipeline, and recipes for network cameras, Video4Linux devices and test pictures.

`recipe` turns settings into the text of a pipeline, `pipeline` builds it and `player` runs it: `guard` keeps from its
decoders what they would mend, `shelf` holds what it delivers until it is read, `messages` tells how it fares. `sample`
makes pictures of what was delivered, and `driver` is the camera. `packages` knows which Debian package brings what.
GStreamer is loaded only where such a camera is used (`runtime`).
"""
