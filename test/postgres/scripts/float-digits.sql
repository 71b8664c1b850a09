-- The fewest digits of numbers that are large for their type, where digits lie just between two of them; and floats that are rounded once.
select i, (9007199254740992 + i * 2)::float8, -(9007199254740992 + i * 1022)::float8 from generate_series(0, 60) i;
select i, ((2::numeric ^ 56) + i * 16)::float8, ((2::numeric ^ 60) - i * 128)::float8, ((2::numeric ^ 70) + i * 262144)::float8 from generate_series(1, 60) i;
select i, (2::float8 ^ i), (2::float8 ^ i) * 3, (2::float8 ^ i) * (1 + 2::float8 ^ -52) from generate_series(40, 1020, 20) i;
select i, (16777216 + i * 2)::float4, (2097152 + i * 0.25)::float4, (524288 + i * 0.03125)::float4, (48939600 + i * 4)::float4 from generate_series(0, 80) i;
select i, (2::float4 ^ i)::float4, (3 * 2::float8 ^ i)::float4, (2::float8 ^ -i)::float4 from generate_series(10, 125, 5) i;
select '48939632'::float4, '3882097.25'::float4, '3882097.75'::float4, 91762301750910208::float8, 1e23::float8, 9.5e-45::float4, 5e-324::float8, 1.7976931348623157e308::float8;
select '1.0000000596046447753906250001'::float4, '1.000000059604644775390625'::float4, '1.0000000596046447753906249999'::float4, '1.0000001788139343261718750'::float4;
select '1.0000000596046447753906250001'::numeric::float4, '3128653.1250001'::numeric::float4, '-16777217.0000000000000000001'::float4, '-16777217'::float4, '16777219'::float4;
select '7.006492321624085e-46'::float4;
select '7.006492321624086e-46'::float4, '2.1019476964872256e-45'::float4;
select '1e300'::numeric::float4;
select '1e-60'::numeric::float4;
select ('1e400'::numeric * 1)::float8;
select '3.4028235677973362e38'::float4, '-3.4028234e38'::float4, 'NaN'::numeric::float4, '-Infinity'::numeric::float4;
set extra_float_digits = 0;
select 91762301750910208::float8, '48939632'::float4, 0.1::float4 + 0.2::float4;
reset extra_float_digits;
