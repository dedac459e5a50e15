"""User: profiles, sessions and notifications. The label clashes with nothing: Django has auth."""
