"""Previews: small pictures of some of the frames, for people to look at, while somebody does."""
