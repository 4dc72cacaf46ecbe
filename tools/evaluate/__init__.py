"""`inspectd-train evaluate`: how well a bundle tells good from defective pictures of a surface."""
