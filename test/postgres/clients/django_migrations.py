"""Django's own applications: all their migrations, foreign keys that wait for COMMIT, a schema editor that changes tables with rows."""
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
    INSTALLED_APPS=["contenttypes", "auth", "admin", "sessions", "messages", "sites"],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=[],
    SECRET_KEY="of a test",
    SILENCED_SYSTEM_CHECKS=["admin.E403", "admin.E408", "admin.E409", "admin.E410"],
    SITE_ID=1,
    USE_TZ=True,
)
settings.INSTALLED_APPS = [f"django.contrib.{name}" for name in settings.INSTALLED_APPS]
django.setup()
from django.contrib.auth.models import Group, Permission, User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import IntegrityError, connection, models, transaction  # noqa: E402

call_command("migrate", verbosity=0)
group = Group.objects.create(name="nurses")
nurse = User.objects.create_user("ann", "ann@example.org", "secret")
nurse.groups.add(group)
nurse.user_permissions.set(Permission.objects.all()[:3])
assert User.objects.filter(groups__name="nurses").count() == 1
Membership = User.groups.through
try:
    with transaction.atomic():
        Membership.objects.create(user_id=nurse.id, group_id=9999)
    raise AssertionError("a reference to nothing was committed")
except IntegrityError:
    pass
with transaction.atomic():
    Membership.objects.create(user_id=nurse.id, group_id=777)
    Group.objects.create(id=777, name="made after its member")
assert nurse.groups.count() == 2


class Ward(models.Model):
    number = models.IntegerField(default=3)
    name = models.CharField(max_length=10, unique=True)

    class Meta:
        app_label = "sites"
        db_table = "c_ward"
        constraints = [
            models.CheckConstraint(check=models.Q(number__gt=0), name="c_ward_positive"),
            models.UniqueConstraint(fields=["number"], name="c_ward_number", deferrable=models.Deferrable.DEFERRED),
        ]


class Bed(models.Model):
    ward = models.ForeignKey(Ward, on_delete=models.CASCADE)
    facts = models.JSONField(default=dict)

    class Meta:
        app_label = "sites"
        db_table = "c_bed"


def named(field, name, model):
    field.set_attributes_from_name(name)
    field.model = model
    return field


with connection.schema_editor() as editor:
    editor.create_model(Ward)
    editor.create_model(Bed)
Bed.objects.create(ward=Ward.objects.create(name="east"), facts={"kinds": [1, 2]})
with connection.schema_editor() as editor:
    note = named(models.TextField(default="new"), "note", Ward)
    editor.add_field(Ward, note)
    editor.alter_field(Ward, Ward._meta.get_field("number"), named(models.BigIntegerField(null=True), "number", Ward))
    one = named(models.OneToOneField(Ward, on_delete=models.CASCADE), "ward", Bed)
    editor.alter_field(Bed, Bed._meta.get_field("ward"), one)
    editor.remove_field(Ward, note)
assert Bed.objects.filter(facts__kinds__0=1, ward__name="east").count() == 1
with connection.cursor() as cursor:
    constraints = connection.introspection.get_constraints(cursor, "c_ward")
assert {"c_ward_positive", "c_ward_number", "c_ward_pkey"} <= set(constraints)
with connection.schema_editor() as editor:
    editor.delete_model(Bed)
    editor.delete_model(Ward)
call_command("flush", interactive=False, verbosity=0)
assert User.objects.count() == 0
print("migrate of auth, admin, sessions, sites; deferred foreign and unique keys; schema editor over rows; flush")
