"""Financial: payments, subscriptions, the revenue ledger and compliance findings."""
