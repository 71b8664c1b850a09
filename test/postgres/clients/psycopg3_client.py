"""psycopg 3: parameters in both formats, COPY in three formats, pipelines, cursors of the server, statements that are prepared unasked, types by name."""
import datetime
import decimal
import enum
import sys
import uuid

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo, register_enum
from psycopg.types.json import Jsonb

host, port, user, password, database = sys.argv[1:6]
connection = psycopg.connect(host=host, port=port, user=user, password=password, dbname=database, autocommit=True)
connection.execute("CREATE TYPE c_mood AS ENUM ('sad', 'ok'); CREATE TYPE c_point AS (x int, y text)")
connection.execute("CREATE TABLE c_psycopg3 (id bigserial PRIMARY KEY, n numeric(12,3), at timestamptz, j jsonb, a text[], u uuid, m c_mood, p c_point, b bytea)")
mood = enum.Enum("mood", ["sad", "ok"])
register_enum(EnumInfo.fetch(connection, "c_mood"), connection, mood)
point = CompositeInfo.fetch(connection, "c_point")
register_composite(point, connection)
at = datetime.datetime(2020, 1, 31, 4, 5, 6, 789000, tzinfo=datetime.timezone.utc)
row = (decimal.Decimal("1.250"), at, {"a": [1, None]}, ["x", 'y"z', None], uuid.UUID(int=5), mood.ok, point.python_type(1, "a,b"), b"\x00\xff")
for binary in (False, True):
    with connection.cursor(binary=binary) as cursor:
        given = row[:2] + (Jsonb(row[2]),) + row[3:]
        cursor.execute("INSERT INTO c_psycopg3 (n, at, j, a, u, m, p, b) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) RETURNING n, at, j, a, u, m, p, b", given)
        assert cursor.fetchone() == row, binary
with connection.cursor() as cursor:
    types = ["int8", "numeric", "timestamptz", "text[]", "bytea"]
    with cursor.copy("COPY c_psycopg3 (id, n, at, a, b) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(types)
        for number in range(100, 3100):
            copy.write_row((number, None if number % 3 else decimal.Decimal(number), None, None if number % 2 else ["x"], None))
    assert cursor.rowcount == 3000
    with cursor.copy("COPY (SELECT id, n, at, a, b FROM c_psycopg3 ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(types)
        rows = list(copy.rows())
    assert len(rows) == 3002 and rows[0] == (1, row[0], at, row[3], row[7]) and rows[2][1:] == (None, None, ["x"], None), rows[:3]
    for form in ("text", "csv"):
        with cursor.copy(sql.SQL("COPY (SELECT 1, 'a') TO STDOUT (FORMAT {})").format(sql.SQL(form))) as copy:
            assert b"".join(bytes(part) for part in copy) == {"text": b"1\ta\n", "csv": b"1,a\n"}[form]
with connection.pipeline():
    cursors = [connection.execute("SELECT %s::int", (number,)) for number in range(5)]
assert [cursor.fetchone() for cursor in cursors] == [(number,) for number in range(5)]
with connection.transaction():
    with connection.cursor("named", scrollable=True) as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 1000) n")
        assert cursor.fetchmany(2) == [(1,), (2,)]
        cursor.scroll(10)
        assert cursor.fetchone() == (13,)
        cursor.scroll(-5)
        assert cursor.fetchone() == (9,)
    try:
        with connection.transaction():
            connection.execute("INSERT INTO c_psycopg3 (id) VALUES (1)")
        raise AssertionError("a duplicate was taken")
    except psycopg.errors.UniqueViolation as error:
        assert error.diag.constraint_name == "c_psycopg3_pkey", error.diag.constraint_name
connection.prepare_threshold = 1
for number in range(4):
    connection.execute("SELECT n FROM c_psycopg3 WHERE id = %s", (number,))
prepared = connection.cursor(row_factory=dict_row).execute("SELECT count(*) AS n FROM pg_prepared_statements WHERE statement LIKE '%c_psycopg3 WHERE id%'")
assert prepared.fetchone()["n"] >= 1
connection.execute("LISTEN c_channel")
with psycopg.connect(host=host, port=port, user=user, password=password, dbname=database, autocommit=True) as other:
    other.execute("NOTIFY c_channel, 'hi'")
assert next(connection.notifies()).payload == "hi"
connection.close()
print("parameters and results in both formats; enums and composites by name; COPY in three formats; pipelines; scrolled cursors; LISTEN")
