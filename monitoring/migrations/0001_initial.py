"""The samples, and the two roles that are not every superuser's."""

from django.db import migrations, models

ROLES = ("viewer", "operator")


def make_roles(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects
    groups.bulk_create([groups.model(name=role) for role in ROLES], ignore_conflicts=True)


def drop_roles(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name__in=ROLES).delete()


class Migration(migrations.Migration):
    initial = True

    dependencies = [("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.CreateModel(
            name="Sample",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("resolution_s", models.PositiveSmallIntegerField()),
                ("needs", models.PositiveSmallIntegerField(default=0)),
                ("values", models.TextField()),
            ],
            options={
                "indexes": [models.Index(fields=["resolution_s", "at"], name="sample_newest")]
            },
        ),
        migrations.RunPython(make_roles, drop_roles),
    ]
