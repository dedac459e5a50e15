from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0008_operation_items'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='operation',
            name='dead_letter_ids',
        ),
    ]
