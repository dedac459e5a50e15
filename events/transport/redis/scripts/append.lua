-- Put events on a stream; an id seen within the window is not put again.
-- KEYS  1 stream, 2 seen (sorted set: id -> ms)
-- ARGV  1 window in ms, 2 most ids remembered, then id and body of each event
-- Gives the entry id of each event, '' for one seen before.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local entries = {}
for i = 3, #ARGV, 2 do
  if not redis.call('ZSCORE', KEYS[2], ARGV[i]) then
    -- The entry first: an id noted for an entry that was refused would be lost for good.
    entries[#entries + 1] = redis.call('XADD', KEYS[1], '*', 'id', ARGV[i], 'e', ARGV[i + 1])
    redis.call('ZADD', KEYS[2], now, ARGV[i])
  else
    entries[#entries + 1] = ''
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[2] - 1)
return entries
