-- Event ids of entries, without their bodies.
-- KEYS  1 stream
-- ARGV  1 behind this entry id, 2 up to this one, 3 count
-- Gives the id of the last entry, then the event id of each ('' where it names none).
local found = {''}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], ARGV[2], 'COUNT', ARGV[3])) do
  local event_id = ''
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 'id' then event_id = entry[2][i + 1] end
  end
  found[1] = entry[1]
  found[#found + 1] = event_id
end
return found
