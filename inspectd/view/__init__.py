"""What a camera looks at: the part of its frames that is inspected, its scale, and the correction of uneven light."""
