-- Put events on a stream; an id seen within the window is not put again.
-- KEYS  1 stream, 2 seen (sorted set: id -> ms of its entry)
-- ARGV  1 window in ms, 2 most ids remembered, 3 how many events, then their ids, then their bodies
-- Gives the entry id of each event; of one seen before '=' and its entry id, or '=' alone when that
-- entry is gone. At most 400 events a call: what is unpacked must fit on Lua's stack.
local call, pcall = redis.call, redis.pcall
local time = call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[1]
local count = tonumber(ARGV[3])
local scores = call('ZMSCORE', KEYS[2], unpack(ARGV, 4, 3 + count))

local entries_of = {}
local function earlier(id, ms)
  local found = entries_of[ms]
  if not found then
    found = {}
    for _, entry in ipairs(call('XRANGE', KEYS[1], ms, ms)) do found[entry[2][2]] = entry[1] end
    entries_of[ms] = found
  end
  return '=' .. (found[id] or '')
end

local entries, put, notes, noted, refused, ms, prefix = {}, {}, {}, 0, nil, nil, nil
for i = 1, count do
  local id, score = ARGV[3 + i], scores[i]
  if put[id] then
    entries[i] = '=' .. put[id]
  elseif score and tonumber(score) >= oldest then
    entries[i] = earlier(id, score)
  else
    local entry = pcall('XADD', KEYS[1], '*', 'id', id, 'e', ARGV[3 + count + i])
    if type(entry) == 'table' then
      refused = entry
      break
    end
    -- Noted only below, for what stands: an id noted for a refused entry would be lost for good.
    entries[i], put[id] = entry, entry
    -- Of each entry its own milliseconds: on Redis 7.0 a script's clock does not stand still.
    if not ms or string.find(entry, prefix, 1, true) ~= 1 then
      ms = string.match(entry, '^%d+')
      prefix = ms .. '-'
    end
    notes[noted + 1], notes[noted + 2] = ms, id
    noted = noted + 2
  end
end
if noted > 0 then
  call('ZADD', KEYS[2], unpack(notes))
  call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. oldest)
  call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[2] - 1)
  call('PEXPIRE', KEYS[2], ARGV[1])
end
return refused or entries
