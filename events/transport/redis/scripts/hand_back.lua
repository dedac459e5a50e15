-- Give entries to a consumer that only holds them, old enough to be taken; their counts stay.
-- KEYS  1 stream or retry stream
-- ARGV  1 group, 2 holder, 3 idle time in ms, then entry id and consumer of each
-- Gives 1 for each that was handed back, 0 where another holds it, nobody does, or it is gone.
local handed = {}
for i = 4, #ARGV, 2 do
  local id = ARGV[i]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  -- One that is gone from the stream would be dropped by the claim without a word.
  if pending and pending[2] == ARGV[i + 1] and #redis.call('XRANGE', KEYS[1], id, id) > 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, id,
               'IDLE', ARGV[3], 'RETRYCOUNT', pending[4], 'JUSTID')
    handed[#handed + 1] = 1
  else
    handed[#handed + 1] = 0
  end
end
return handed
