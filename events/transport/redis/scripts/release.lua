-- Hand entries that were not begun to a consumer that only holds them, old enough to be taken.
-- KEYS  1 stream or retry stream
-- ARGV  1 group, 2 consumer, 3 holder, 4 idle time in ms, then entry id and count of each
local released = 0
for i = 5, #ARGV, 2 do
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
  if pending and pending[2] == ARGV[2] then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, ARGV[i],
               'IDLE', ARGV[4], 'RETRYCOUNT', ARGV[i + 1], 'JUSTID')
    released = released + 1
  end
end
return released
