-- Let a group stand where it stood: its position, and exactly these pending entries.
-- KEYS  1 stream
-- ARGV  1 group, 2 last delivered id, 3 holder, 4 idle time in ms, 5 entries read (-1 for unknown),
--       then entry id and count of each
-- Gives how many of them are gone from the stream.
redis.call('XGROUP', 'SETID', KEYS[1], ARGV[1], ARGV[2], 'ENTRIESREAD', ARGV[5])
local wanted = {}
for i = 6, #ARGV, 2 do wanted[ARGV[i]] = true end
local from = '-'
while true do
  local held = redis.call('XPENDING', KEYS[1], ARGV[1], from, '+', 1000)
  for _, one in ipairs(held) do
    if not wanted[one[1]] then redis.call('XACK', KEYS[1], ARGV[1], one[1]) end
  end
  if #held < 1000 then break end
  from = '(' .. held[#held][1]
end
local gone = 0
for i = 6, #ARGV, 2 do
  local claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[3], 0, ARGV[i],
                             'IDLE', ARGV[4], 'RETRYCOUNT', ARGV[i + 1], 'FORCE', 'JUSTID')
  if #claimed == 0 then gone = gone + 1 end
end
return gone
