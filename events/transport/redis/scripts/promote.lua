-- Move retries that are due to the group's retry stream; bodies stay the bytes they are.
-- KEYS  1 due (sorted set), 2 bodies (hash), 3 retry stream
-- ARGV  1 now in ms, 2 at most this many
-- Gives how many were moved.
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local body = redis.call('HGET', KEYS[2], id)
  if body then redis.call('XADD', KEYS[3], '*', 'r', body) end
  redis.call('HDEL', KEYS[2], id)
  redis.call('ZREM', KEYS[1], id)
end
return #ids
