-- Acknowledge entries of one stream and schedule those to be retried.
-- KEYS  1 stream, 2 retry stream, 3 due (sorted set), 4 bodies (hash)
-- ARGV  1 group, 2 how many entries of the stream are done, 3 how many of the retry stream,
--       then their ids, then five of each to be retried: 's' or 'r' (which stream), entry id,
--       event id, due in ms, packed retry
-- Gives how many of the done were still pending, then 1 for each retry that was scheduled, 0 for
-- one whose entry another has settled.
local group = ARGV[1]
local function acknowledge(source, first, count, drop)
  local ours = 0
  for at = first, first + count - 1, 500 do
    local last = math.min(at + 499, first + count - 1)
    ours = ours + redis.call('XACK', source, group, unpack(ARGV, at, last))
    if drop then redis.call('XDEL', source, unpack(ARGV, at, last)) end
  end
  return ours
end

local plain, retried = tonumber(ARGV[2]), tonumber(ARGV[3])
local settled = {acknowledge(KEYS[1], 4, plain, false)
                 + acknowledge(KEYS[2], 4 + plain, retried, true)}
for i = 4 + plain + retried, #ARGV, 5 do
  local source = ARGV[i] == 'r' and KEYS[2] or KEYS[1]
  local ours = redis.call('XACK', source, group, ARGV[i + 1])
  if ours == 1 then
    if ARGV[i] == 'r' then redis.call('XDEL', source, ARGV[i + 1]) end
    redis.call('HSET', KEYS[4], ARGV[i + 2], ARGV[i + 4])
    redis.call('ZADD', KEYS[3], ARGV[i + 3], ARGV[i + 2])
  end
  settled[#settled + 1] = ours
end
return settled
