-- Hashes that people make keys of advisory locks of.
SELECT hashtext('a'), hashtext(''), hashtext('hello world'), hashtext('the quick brown fox jumps'), hashtext('é'), hashtextextended('a', 0), hashtextextended('hello world', 42);
SELECT hashtext('exactly12byt'), hashtext('exactly12byte'), hashtext(repeat('x', 1000)), hashint4(1), hashint4(-1), hashint8(1), hashint8(-5), hashint8(10000000000), hashint8(-10000000000), hashint2(3::int2), hashtextextended('x', -1), hashtextextended(repeat('abc', 77), 123456789012345);
SELECT g, hashtext(repeat('z', g)), hashtextextended(repeat('é', g), g), hashint4(g * 7919), hashint4extended(g, g - 3), hashint8extended(g * 12345678901, 5), hashint8extended(-g, -5) FROM generate_series(0, 30) g;
SELECT hashint8(9223372036854775807), hashint8(-9223372036854775808), hashint4(2147483647), hashint4(-2147483648), hashtext(NULL), abs(hashtext('job') % 16);
SELECT pg_advisory_lock(hashtext('job')), pg_advisory_unlock(hashtext('job'));
