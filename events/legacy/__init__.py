"""Old code bases, helped over: one module per system, each thin over `publish`.

    astratrade  create_*_event helpers, DomainEvent, EventPublishingMixin, TradingEventPublisher
    tradesense  EventPublisher for dotted names with their version, ``Trading.Position.Opened.v1``
    tradpal     EventClient and EventType for names in snake case, ``trading_signal``

Old domain code keeps its calls and changes its imports; docs/migration.md goes through it step by
step. A name that is not registered and a payload that does not validate are refused as `publish`
refuses them: InvalidEvent, with every field that is wrong.
"""
