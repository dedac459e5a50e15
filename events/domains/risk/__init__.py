"""Risk: limits and what happens when they are broken."""
