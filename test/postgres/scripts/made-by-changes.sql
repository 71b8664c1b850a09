-- CREATE TABLE AS and SELECT INTO of what a WITH changes: each row that goes is in the new table.
create table visits (id int primary key, patient int not null, kind text, at date);
create table notes (id serial primary key, visit int references visits on delete cascade, note text);
insert into visits select i, i % 5, (array['in', 'out'])[1 + i % 2], date '2024-01-01' + i from generate_series(1, 20) i;
insert into notes (visit, note) select i, 'note ' || i from generate_series(1, 20, 2) i;

create table archived as with gone as (delete from visits where id <= 6 returning *) select * from gone;
select * from archived order by id;
select count(*), min(id) from visits;
select count(*), min(visit) from notes;

with moved as (update visits set patient = patient + 100 where kind = 'in' returning id, patient)
select id, patient, (select count(*) from visits where patient > 100) as seen into moves from moved where id < 12;
select * from moves order by id;
select count(*) from visits where patient > 100;

-- The change is done whether its rows are asked for or not, and nothing is left where it fails.
create table none as with added as (insert into visits values (50, 1, 'in', '2024-05-05')) select 1 as one where false;
select * from none;
select * from visits where id = 50;
create table failed as with added as (insert into visits values (51, 1, 'in', '2024-05-05'), (50, 1, 'in', '2024-05-06') returning id) select * from added;
create table failed as with added as (insert into notes (visit, note) values (999, 'x') returning id) select id from added;
select count(*) from visits where id > 50;
select to_regclass('failed');

-- The new table's own name is unknown within, an old one's is not.
create table archived as with gone as (delete from visits where id = 7 returning *) select * from gone;
create table if not exists archived as with gone as (delete from visits where id = 7 returning *) select * from gone;
select id from visits where id = 7;
create table archived2 as with gone as (delete from archived2 returning *) select * from gone;
create temp table kept on commit preserve rows as with gone as (delete from archived where id < 3 returning id, kind) select id * 2 as twice, kind from gone;
select * from kept order by 1;
create table empty_one as with gone as (delete from archived where id = 3 returning id) select * from gone with no data;
select count(*) from archived;
select * from empty_one;

begin;
insert into visits values (60, 6, 'out', '2024-06-06');
create table both_of_it as with gone as (delete from visits where id >= 50 returning id, at) select * from gone;
select * from both_of_it order by id;
rollback;
select id from visits where id >= 50;
prepare make(int) as with gone as (delete from visits where id = $1 returning *) select * from gone;
create table by_name as execute make(8);
select * from by_name;

create view v as with gone as (delete from visits returning *) select * from gone;
create materialized view mv as with gone as (delete from visits returning *) select * from gone;
explain (costs off) create table t2 as select 1;
select count(*) from visits;
deallocate make;
drop table kept, empty_one, none, moves, archived, by_name, notes, visits;
