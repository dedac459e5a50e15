"""Social: the feed, interactions, clan battles, and the influence that follows from them."""
