-- JSON that is none: what is wrong, and the line up to there.
\set VERBOSITY verbose
select '{'::json;
select '{'::jsonb;
select json '[1,';
prepare p(json) as select $1;
execute p('{');
create table jj(j json, b jsonb);
insert into jj values ('{', '1');
insert into jj values ('1', '[');
insert into jj values ('1'||'{', '1');
select ('{' || 'a')::json;
copy jj from stdin;
{	1
\.
copy jj from stdin;
1	{
\.
select '{"a": 1,
 "b": }'::json;
select '{"a": 1,
 "b": 2
'::json;
select '{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 1,, "b": 2}'::jsonb;
select '{"ééééééééééééééééééééééééééééééé": 1,, "b": 2}'::jsonb;
select '{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 1,, "b": 2}'::jsonb;
select '{"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa": 1,, "b": 2}'::jsonb;
select '"abc'::json;
select '"a\qb"'::json;
select '"a\éb"'::json;
select '"a\u12"'::json;
select '"a\u12'::json;
select '"a\u12xyz"'::json;
select '"a
b"'::json;
select '[1, tru, 2]'::json;
select '[1 2]'::json;
select ''::json;
select '  '::json;
select '
'::jsonb;
select 'nul'::jsonb;
select '1 2'::jsonb;
select '{"a" 1}'::jsonb;
select '{1: 1}'::jsonb;
select '[1,]'::jsonb;
select '{"a":1,}'::jsonb;
select '01'::jsonb;
select '-'::jsonb;
select '[1]]'::jsonb;
DEALLOCATE p;
DROP TABLE jj;
