\set VERBOSITY verbose
-- Numbers of transactions: one within each, and a greater one in the next.
select txid_current() = txid_current() as same, txid_current()::text = pg_current_xact_id()::text as both;
select txid_current() as first \gset
select txid_current() > :first as grew;
begin;
select txid_current_if_assigned(), pg_current_xact_id_if_assigned();
select 1 as read;
select txid_current_if_assigned();
select txid_current() as drawn \gset
select txid_current() = :drawn as same, txid_current_if_assigned() = :drawn as assigned, pg_current_xact_id_if_assigned()::text = :'drawn' as xid8;
savepoint s;
select txid_current() = :drawn as same;
rollback to s;
select txid_current() = :drawn as same;
commit;
select txid_current() > :drawn as grew, txid_current_if_assigned() is null as none;
begin;
select txid_current() as rolled \gset
rollback;
select txid_current() > :rolled as grew;
create table written (a int);
begin;
insert into written values (1) returning txid_current() = txid_current_if_assigned() as assigned;
select txid_current_if_assigned() = txid_current() as assigned, xmin::text::int8 = txid_current() % 4294967296 as writer from written;
select pg_current_xact_id() as writer \gset
commit;
select xmin::text = :'writer' as kept from written;
begin;
insert into written values (2);
select txid_current_if_assigned() is not null as assigned;
rollback;
begin transaction read only;
select txid_current() is not null as drawn;
commit;
begin isolation level serializable;
select txid_current() = txid_current() as same;
commit;
create table numbered as select txid_current() as number, g from generate_series(1, 3) g;
select count(distinct number) from numbered;
drop table written, numbered;
select txid_current('x');
select txid_current() + 'x';
