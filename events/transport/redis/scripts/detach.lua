-- Take a group from a stream, with all that is its own.
-- KEYS  1 stream, 2 retry stream, 3 due (sorted set), 4 bodies (hash), 5 sweep (hash)
-- ARGV  1 group
-- Gives 1, or 0 when it was not there.
redis.call('DEL', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
return redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
