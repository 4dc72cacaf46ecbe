"""The report of a fit: one HTML page that stands on its own, with its charts and pictures inside."""
