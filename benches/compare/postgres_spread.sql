\set wallet random(1, 1000)
\set key random(1, 9000000000000000000)
SELECT debit(:wallet, 1, 'key-' || :key);
