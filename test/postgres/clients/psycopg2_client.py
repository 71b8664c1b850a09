"""psycopg2: parameters, a named cursor, copy, errors by class, a savepoint."""
import io
import sys

import psycopg2
import psycopg2.errors

host, port, user, password, database = sys.argv[1:6]
connection = psycopg2.connect(host=host, port=port, user=user, password=password, dbname=database)
with connection, connection.cursor() as cursor:
    cursor.execute("CREATE TABLE c_psycopg2 (id serial PRIMARY KEY, name text UNIQUE, n numeric, at timestamptz, data bytea)")
    cursor.execute("INSERT INTO c_psycopg2 (name, n, at, data) VALUES (%s, %s, now(), %s) RETURNING id", ("a", 1.5, b"\x00\x01"))
    assert cursor.fetchone() == (1,)
    cursor.copy_from(io.StringIO("b\t2\nc\t\\N\n"), "c_psycopg2", columns=("name", "n"))
    cursor.execute("SELECT name, n FROM c_psycopg2 ORDER BY id")
    assert [(name, None if n is None else float(n)) for name, n in cursor.fetchall()] == [("a", 1.5), ("b", 2.0), ("c", None)]
with connection, connection.cursor() as cursor:
    cursor.execute("SAVEPOINT s")
    try:
        cursor.execute("INSERT INTO c_psycopg2 (name) VALUES ('a')")
        raise AssertionError("a duplicate was taken")
    except psycopg2.errors.UniqueViolation as error:
        assert error.diag.constraint_name == "c_psycopg2_name_key", error.diag.constraint_name
    cursor.execute("ROLLBACK TO s")
with connection, connection.cursor("named") as cursor:
    cursor.itersize = 100
    cursor.execute("SELECT n FROM generate_series(1, 1000) n")
    assert sum(1 for _ in cursor) == 1000
connection.close()
print("parameters; COPY FROM; errors by class; savepoints; named cursors")
