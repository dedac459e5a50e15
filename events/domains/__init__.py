"""The domains: a Django app each, which knows of the others only what their events say."""
