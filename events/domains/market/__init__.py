"""Market: what things cost at the moment."""
