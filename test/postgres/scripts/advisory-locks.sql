-- Locks of sessions are counted; those of transactions are not given back.
SELECT pg_advisory_lock(1), pg_advisory_lock(1);
SELECT pg_advisory_unlock(1);
SELECT pg_advisory_unlock(1);
SELECT pg_advisory_unlock(1);
SELECT pg_advisory_lock_shared(2), pg_advisory_lock(2), pg_try_advisory_lock_shared(2);
SELECT pg_advisory_unlock(2), pg_advisory_unlock(2);
SELECT pg_advisory_unlock_shared(2), pg_advisory_unlock_shared(2), pg_advisory_unlock_shared(2);
SELECT pg_advisory_lock(3), pg_advisory_lock(3), pg_advisory_unlock_all();
SELECT pg_advisory_unlock(3);
BEGIN; SELECT pg_advisory_lock(4); ROLLBACK;
SELECT pg_advisory_unlock(4), pg_advisory_unlock(4);
BEGIN; SELECT pg_advisory_xact_lock(5), pg_advisory_xact_lock(5); SELECT pg_advisory_unlock(5); COMMIT;
SELECT count(pg_advisory_lock(6)) FROM generate_series(1, 3);
SELECT pg_advisory_unlock(6), pg_advisory_unlock(6), pg_advisory_unlock(6), pg_advisory_unlock(6);
SELECT pg_try_advisory_lock(7, 1), pg_try_advisory_lock(7, 1), pg_advisory_unlock(7, 1), pg_advisory_unlock(7, 1), pg_advisory_unlock(7, 1);
