-- Let retries wait no more, each only while it is the very one that was looked at.
-- KEYS  1 due (sorted set), 2 bodies (hash)
-- ARGV  event id and packed retry of each
-- Gives 1 for each that was taken away, 0 for one that was woken or has failed again since.
local taken = {}
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[2], ARGV[i])
    redis.call('ZREM', KEYS[1], ARGV[i])
    taken[#taken + 1] = 1
  else
    taken[#taken + 1] = 0
  end
end
return taken
