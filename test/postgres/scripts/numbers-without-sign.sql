-- Numbers of objects have no sign: what is below zero counts from their end.
\set VERBOSITY verbose
select (-5)::oid, (-5)::regclass, (-5)::regtype, oid(-5);
select (-5)::xid;
select '-5'::oid, '-5'::regclass, '-5'::xid, '-5'::cid;
select 4294967296::oid;
select (-2147483649)::oid;
select (-1)::int8::oid;
select 4294967295::oid, (4294967295)::regclass;
select x::oid, x::regclass::oid, x::regtype from (values (-5),(7)) v(x);
select x::oid from (values (-5::int8),(7)) v(x);
select (-5)::int2::oid;
select '4294967296'::oid;
select '-2147483649'::oid;
select '-2147483648'::oid;
select 'abc'::oid, '12x'::oid;
select (-5)::oid > 5::oid, (-5)::oid = 4294967291, (-5)::oid::int8, (-5)::oid::int4;
select '-5'::regproc;
select array[-5,3]::oid[];
select array[4294967296]::oid[];
select 1.5::oid;
select (-5)::regclass::int4, (-5)::regclass::int8, 4294967296::regclass;
