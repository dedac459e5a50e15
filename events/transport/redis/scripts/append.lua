-- Put events on a stream; an id seen within the window is not put again.
-- KEYS  1 stream, 2 seen (sorted set: id -> ms of its entry)
-- ARGV  1 window in ms, 2 most ids remembered, then id and body of each event
-- Gives the entry id of each event; of one seen before '=' and its entry id, or '=' alone when that
-- entry is gone. At most 400 events a call: what is unpacked must fit on Lua's stack.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window = tonumber(ARGV[1])
local ids = {}
for i = 3, #ARGV, 2 do ids[#ids + 1] = ARGV[i] end
local scores = redis.call('ZMSCORE', KEYS[2], unpack(ids))

local function earlier(id, ms)
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ms, ms)) do
    if entry[2][2] == id then return '=' .. entry[1] end
  end
  return '='
end

local entries, put, notes, refused = {}, {}, {}, nil
for i, id in ipairs(ids) do
  local ms = tonumber(scores[i] or nil)
  if put[id] then
    entries[i] = '=' .. put[id]
  elseif ms and ms >= now - window then
    entries[i] = earlier(id, scores[i])
  else
    local entry = redis.pcall('XADD', KEYS[1], '*', 'id', id, 'e', ARGV[2 * i + 2])
    if entry.err then
      refused = entry
      break
    end
    -- Noted only below, for what stands: an id noted for a refused entry would be lost for good.
    entries[i], put[id] = entry, entry
    notes[#notes + 1] = string.match(entry, '^%d+')
    notes[#notes + 1] = id
  end
end
if #notes > 0 then
  redis.call('ZADD', KEYS[2], unpack(notes))
  redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. (now - window))
  redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -ARGV[2] - 1)
  redis.call('PEXPIRE', KEYS[2], window)
end
if refused then return refused end
return entries
