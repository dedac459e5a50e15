"""Auth: accounts, sign-ins and permissions. Django has the label auth, this is events_auth."""
