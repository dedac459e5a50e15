"""People with roles."""

from django.contrib.auth.models import Group, User
from django.test import Client


def user(role: str = "viewer", name: str = "ada") -> User:
    """Somebody with a role; admin is a superuser, an empty role is none."""
    if role == "admin":
        return User.objects.create_superuser(name)
    made = User.objects.create_user(name)
    if role:
        made.groups.add(Group.objects.get_or_create(name=role)[0])
    return made


def signed_in(role: str = "viewer", name: str = "ada") -> Client:
    """A browser in which somebody with this role is signed in."""
    client = Client()
    client.force_login(user(role, name))
    return client
