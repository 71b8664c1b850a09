-- Data of COPY in encodings of one byte a character, in and out, and what has no equivalent.
CREATE TABLE words (number int, word text);
\copy words FROM PROGRAM 'printf "1\\tCaf\\351\\n2\\tM\\374ller\\n3\\t\\200\\n"' (ENCODING 'latin1')
\copy words FROM PROGRAM 'printf "4\\t\\200 5\\n5\\tna\\357ve\\n"' (ENCODING 'win1252')
\copy words FROM PROGRAM 'printf "6\\t\\300\\301\\n"' (ENCODING 'KOI8-R')
\copy words FROM PROGRAM 'printf "7;\\244 9\\n8;\\042quoted; \\351\\042\\n"' (FORMAT csv, DELIMITER ';', ENCODING 'LATIN9')
\copy words FROM PROGRAM 'printf "9\\t\\226\\n"' (ENCODING 'WIN1251')
\copy words FROM PROGRAM 'printf "10\\t\\261\\n"' (ENCODING 'iso_8859_2')
\copy words FROM PROGRAM 'printf "11\\t\\320\\n"' (ENCODING 'LATIN5')
\copy words FROM PROGRAM 'printf "12\\tfine\\n13\\t\\201\\n"' (ENCODING 'WIN1252')
SELECT number, word, length(word), encode(convert_to(word, 'UTF8'), 'hex') FROM words ORDER BY number;
\copy words TO PROGRAM 'od -An -c' (ENCODING 'LATIN1')
DELETE FROM words WHERE number NOT IN (1, 2, 8);
\copy words TO PROGRAM 'od -An -c' (ENCODING 'LATIN1')
\copy words TO PROGRAM 'od -An -c' (FORMAT csv, HEADER, ENCODING 'WIN1250')
\copy words TO PROGRAM 'od -An -c' (ENCODING 'SQL_ASCII')
INSERT INTO words VALUES (20, '日本'), (21, '€');
COPY (SELECT word FROM words WHERE number = 20) TO STDOUT (ENCODING 'LATIN1');
COPY (SELECT word FROM words WHERE number = 21) TO STDOUT (ENCODING 'LATIN1');
COPY words TO STDOUT (ENCODING 'nothing of that name');
COPY words TO STDOUT (ENCODING 'UTF-8', DELIMITER '|');
DROP TABLE words;
