"""Analytics: what is counted of every event, and the record of events that came in directly."""
