\set key random(1, 9000000000000000000)
SELECT debit(1, 1, 'key-' || :key);
