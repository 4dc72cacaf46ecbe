"""`inspectd-train fit`: from a folder of good pictures to a bundle."""
