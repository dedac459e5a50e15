-- Acknowledge entries that are held and stand in the stream no more.
-- KEYS  1 stream or retry stream
-- ARGV  1 group, then entry id and consumer of each
-- Gives 1 for each that was acknowledged, 0 where it stands there or nobody holds it.
local dropped = {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  if #redis.call('XRANGE', KEYS[1], id, id) > 0 then
    dropped[#dropped + 1] = 0
  else
    dropped[#dropped + 1] = redis.call('XACK', KEYS[1], ARGV[1], id)
  end
end
return dropped
