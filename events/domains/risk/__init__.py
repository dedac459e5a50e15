"""Risk: limits, alerts, scores, and who may not trade."""
