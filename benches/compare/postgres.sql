-- A wallet as one builds it on PostgreSQL: a debit is one call of a function that takes the key, locks the wallet, checks it, takes the
-- credits and writes the row. Exact decimals, one tranche, no expiry, no scopes: less than Coffer does.
CREATE TABLE wallet (id int PRIMARY KEY, balance numeric(38, 15) NOT NULL CHECK (balance >= 0)) WITH (fillfactor = 50);
CREATE TABLE entry (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    wallet int NOT NULL,
    credits numeric(38, 15) NOT NULL,
    balance_after numeric(38, 15) NOT NULL,
    idempotency_key text NOT NULL UNIQUE,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO wallet SELECT id, 1000000000 FROM generate_series(1, 1000) AS id;

CREATE FUNCTION debit(of int, asked numeric, key text) RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    known entry;
    rest numeric;
BEGIN
    SELECT balance INTO rest FROM wallet WHERE id = of FOR UPDATE;
    SELECT * INTO known FROM entry WHERE idempotency_key = key;
    IF FOUND THEN
        RETURN known.balance_after;
    END IF;
    IF rest < asked THEN
        RAISE 'insufficient credits';
    END IF;
    UPDATE wallet SET balance = rest - asked WHERE id = of;
    INSERT INTO entry (wallet, credits, balance_after, idempotency_key) VALUES (of, asked, rest - asked, key);
    RETURN rest - asked;
END $$;
