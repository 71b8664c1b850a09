"""Django's PostgreSQL backend: a schema editor's table, queries through the ORM, introspection."""
import sys

import django
from django.conf import settings

host, port, user, password, database = sys.argv[1:6]
settings.configure(
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": host,
            "PORT": port,
            "USER": user,
            "PASSWORD": password,
            "NAME": database,
        }
    },
    INSTALLED_APPS=[],
    USE_TZ=True,
)
django.setup()
from django.db import DatabaseError, connection, models, transaction  # noqa: E402


class Thing(models.Model):
    name = models.CharField(max_length=50, unique=True)
    count = models.IntegerField(null=True)
    made = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "clients"
        db_table = "c_django"


with connection.schema_editor() as editor:
    editor.create_model(Thing)
Thing.objects.create(name="a", count=1)
Thing.objects.bulk_create([Thing(name="b"), Thing(name="c")])
Thing.objects.filter(name="a").update(count=models.F("count") + 1)
assert Thing.objects.get(name="a").count == 2
with transaction.atomic():
    Thing.objects.filter(name__startswith="b").delete()
assert Thing.objects.count() == 2
assert "c_django" in connection.introspection.table_names()
did = "schema editor; ORM; atomic; introspection"
try:
    with connection.cursor() as cursor:
        assert connection.introspection.get_primary_key_column(cursor, "c_django") == "id"
        did += " of keys"
except DatabaseError:
    did += " (not yet of keys: unnest of several arrays)"
print(did)
