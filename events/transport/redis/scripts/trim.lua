-- Drop old entries that every group has finished.
-- KEYS  1 stream
-- ARGV  1 drop only what is older than this many ms since the epoch, 2 '~' or '='
-- Gives how many went.
local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(seq)
end
local function before(a, b)
  local a_ms, a_seq = parts(a)
  local b_ms, b_seq = parts(b)
  return a_ms < b_ms or (a_ms == b_ms and a_seq < b_seq)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local floor = ARGV[1] .. '-0'
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
if #groups == 0 then return 0 end
for _, flat in ipairs(groups) do
  local group = {}
  for i = 1, #flat, 2 do group[flat[i]] = flat[i + 1] end
  local oldest = redis.call('XPENDING', KEYS[1], group['name'])[2] or group['last-delivered-id']
  if before(oldest, floor) then floor = oldest end
end
return redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2], floor)
