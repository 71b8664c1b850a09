-- A role that comes with its memberships.
create role ra;
create role rb in role ra;
create role rc in role ra, rb role ra;
create role rc in role rb role ra;
create role rc role ra admin rb;
create role rd role ra admin ra;
create role re in role ra role rb;
create role re in role ra, nope;
create role re role nope;
create role re admin re;
create role re in role re;
create role re in role rb in group ra;
create role re role rb role ra;
create role ra in role rb;
create user rf in role ra connection limit 5 role rb, rc;
create group rg user ra;
create role rh in role ra, ra role rb, rb admin rb;
\du r*
select r.rolname, m.rolname, a.admin_option, g.rolname from pg_auth_members a join pg_roles r on r.oid = a.roleid join pg_roles m on m.oid = a.member left join pg_roles g on g.oid = a.grantor where r.rolname ~ '^r[a-h]$' order by 1, 2;
drop role if exists ra, rb, rc, rd, re, rf, rg, rh;
