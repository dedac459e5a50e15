"""The console: what an operator sees of the bus, and does to it."""
