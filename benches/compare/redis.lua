-- A wallet as one builds it on Redis: one script takes the key, checks the balance, takes the credits and appends the row. Balances are
-- whole numbers, and keys are kept for a day; Coffer's are decimals of 15 digits, and its keys and rows stay.
-- ARGV: what tells this run's keys from others', two random numbers, how many wallets there are.
local key = 'key:' .. ARGV[1] .. ARGV[2] .. ARGV[3]
local known = redis.call('GET', key)
if known then
    return known
end
local wallet = 'wallet:' .. (tonumber(string.sub(ARGV[2], -6)) % tonumber(ARGV[4]))
local balance = tonumber(redis.call('GET', wallet) or '1000000000')
if balance < 1 then
    return redis.error_reply('insufficient credits')
end
local rest = string.format('%d', balance - 1)
redis.call('SET', wallet, rest)
redis.call('SET', key, rest, 'EX', 86400)
redis.call('XADD', 'entries', '*', 'wallet', wallet, 'credits', '1', 'after', rest, 'key', key)
return rest
