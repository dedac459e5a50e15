-- Acknowledge entries of one stream and schedule those to be retried.
-- KEYS  1 stream, 2 retry stream, 3 due (sorted set), 4 bodies (hash)
-- ARGV  1 group, then five of each settlement: 's' or 'r' (which stream), entry id,
--       event id, due in ms ('' = no retry), packed retry
-- Gives 1 for each entry that was still pending, 0 for one that another has settled.
local settled = {}
for i = 2, #ARGV, 5 do
  local source = ARGV[i] == 'r' and KEYS[2] or KEYS[1]
  local ours = redis.call('XACK', source, ARGV[1], ARGV[i + 1])
  if ours == 1 then
    if ARGV[i] == 'r' then redis.call('XDEL', source, ARGV[i + 1]) end
    if ARGV[i + 3] ~= '' then
      redis.call('HSET', KEYS[4], ARGV[i + 2], ARGV[i + 4])
      redis.call('ZADD', KEYS[3], ARGV[i + 3], ARGV[i + 2])
    end
  end
  settled[#settled + 1] = ours
end
return settled
