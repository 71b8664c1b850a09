"""asyncpg: everything in binary, records copied in and out, cursors that are moved, statements that outlive a definition, a listener, a pool."""
import asyncio
import datetime
import decimal
import io
import sys
import uuid

import asyncpg

host, port, user, password, database = sys.argv[1:6]
where = {"host": host, "port": int(port), "user": user, "password": password, "database": database}


async def main() -> None:
    connection = await asyncpg.connect(**where)
    await connection.execute("CREATE TYPE c_state AS ENUM ('on', 'off'); CREATE DOMAIN c_count AS int CHECK (value > 0)")
    await connection.execute("CREATE TABLE c_asyncpg (id serial PRIMARY KEY, n numeric, at timestamptz, span interval, j jsonb, a int[], u uuid, s c_state, ss c_state[], c c_count)")
    at = datetime.datetime(2020, 1, 31, 4, 5, 6, 789000, tzinfo=datetime.timezone.utc)
    row = (decimal.Decimal("1.25"), at, datetime.timedelta(days=3, seconds=7), '{"a": 1}', [1, 2, None], uuid.UUID(int=5), "on", ["off", "on"], 5)
    insert = "INSERT INTO c_asyncpg (n, at, span, j, a, u, s, ss, c) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING n, at, span, j, a, u, s, ss, c"
    assert tuple(await connection.fetchrow(insert, *row)) == row
    try:
        await connection.fetchrow(insert, *row[:8], -1)
        raise AssertionError("a value that the domain forbids was taken")
    except asyncpg.CheckViolationError as error:
        assert error.constraint_name == "c_count_check", error.constraint_name
    records = [(decimal.Decimal(number), None, None if number % 2 else [number]) for number in range(5000)]
    await connection.copy_records_to_table("c_asyncpg", records=records, columns=["n", "s", "a"])
    buffer = io.BytesIO()
    await connection.copy_from_table("c_asyncpg", output=buffer, format="binary")
    buffer.seek(0)
    await connection.execute("CREATE TABLE c_asyncpg_copy (LIKE c_asyncpg)")
    assert await connection.copy_to_table("c_asyncpg_copy", source=buffer, format="binary") == "COPY 5001"
    async with connection.transaction():
        cursor = await connection.cursor("SELECT id FROM c_asyncpg ORDER BY id")
        assert [record["id"] for record in await cursor.fetch(2)] == [1, 2]
        assert await cursor.forward(10) == 10
        assert (await cursor.fetchrow())["id"] == 13
        assert len([record async for record in connection.cursor("SELECT 1 FROM c_asyncpg", prefetch=500)]) == 5001
        try:
            async with connection.transaction():
                await connection.execute("SELECT 1/0")
        except asyncpg.DivisionByZeroError:
            pass
    await connection.executemany("UPDATE c_asyncpg SET n = $2 WHERE id = $1", [(number, number * 2) for number in range(3, 103)])
    assert await connection.fetchval("SELECT sum(n) FROM c_asyncpg WHERE id BETWEEN 3 AND 102") == 10500
    by_key = await connection.prepare("SELECT n FROM c_asyncpg WHERE id = $1")
    assert await by_key.fetchval(3) == 6
    await connection.execute("ALTER TABLE c_asyncpg ADD COLUMN extra int")
    assert await by_key.fetchval(3) == 6
    heard: asyncio.Queue = asyncio.Queue()
    await connection.add_listener("c_heard", lambda *told: heard.put_nowait(told[3]))
    pool = await asyncpg.create_pool(**where, min_size=2, max_size=4)
    await pool.execute("SELECT pg_notify('c_heard', 'hi')")
    assert await asyncio.wait_for(heard.get(), 10) == "hi"
    assert sum(await asyncio.gather(*[pool.fetchval("SELECT $1::int * 2", number) for number in range(50)])) == 2450
    await pool.close()
    await connection.close()


asyncio.run(main())
print("binary parameters and results; records copied in and out; cursors that are moved; prepared statements; LISTEN; pool")
