-- Count one start of a reclaimed entry, if it is still ours.
-- KEYS  1 stream or retry stream
-- ARGV  1 group, 2 consumer, 3 entry id
-- Gives how often its handling was begun, this time included; 0 when it is another's.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not pending or pending[2] ~= ARGV[2] then return 0 end
local starts = pending[4] + 1
redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'RETRYCOUNT', starts, 'JUSTID')
return starts
