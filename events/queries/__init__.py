"""Bounded reads for the console and the commands.

    snapshot     the state of everything, once: bus, streams, groups, workers, relay
    chain        all events of one correlation id, as the tree of who caused what
    event        one event, and what every group did with it
    events       stored events, newest first, filtered and paged
    dead_letters failures by fingerprint, one failure, what a replay would do
    operations   one operation and what became of each of its events
    groups       one group: its streams, handlers, workers, newest failures
    types        the registered event types as the registry pages show them
    lines        an event as one line of a list
    tail         entries as they come, and ranges of them
    waiting      retries that wait, by group and error
    pending      what the consumers of one group hold
    newest       the newest stored events, filtered
    find         what a pasted id is

Every function states its cost, takes typed parameters and returns frozen dataclasses. None of them
can write: the bus is seen through `transport.base.Inspector`, which has no method that does.
"""
