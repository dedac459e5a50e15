-- Take over idle entries, going on where the last sweep stopped; delivery counts stay as they are.
-- KEYS  1 stream or retry stream, 2 sweep (hash: stream -> cursor)
-- ARGV  1 group, 2 consumer, 3 least idle time in ms, 4 count
-- Gives for each entry: id, fields, delivery count; then the ids of entries that were held and are
-- gone from the stream, which the server has dropped.
local cursor = redis.call('HGET', KEYS[2], KEYS[1]) or '0-0'
local swept = redis.call('XAUTOCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], cursor,
                         'COUNT', ARGV[4], 'JUSTID')
redis.call('HSET', KEYS[2], KEYS[1], swept[1])
local entries = {}
for _, id in ipairs(swept[2]) do
  local entry = redis.call('XRANGE', KEYS[1], id, id)[1]
  local pending = redis.call('XPENDING', KEYS[1], ARGV[1], id, id, 1)[1]
  if entry and pending then
    entries[#entries + 1] = {id, entry[2], pending[4]}
  end
end
return {entries, swept[3] or {}}
