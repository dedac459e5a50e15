"""``manage.py bench``: our path beside hand-written code, in one run, on servers of its own."""
