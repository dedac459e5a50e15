-- Take over idle entries, going on where the last sweep stopped; delivery counts stay as they are.
-- KEYS  1 stream or retry stream, 2 sweep (hash: stream -> cursor), 3 dropped (set)
-- ARGV  1 group, 2 consumer, 3 least idle time in ms, 4 count, 5 s or r: which of the two KEYS 1 is
-- Gives for each entry: id, fields, delivery count; then the ids of entries that were held and are
-- gone from the stream. The server has dropped those: what they were is kept in KEYS 3, so that the
-- death of whoever called loses nothing.
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
for _, id in ipairs(swept[3] or {}) do
  redis.call('SADD', KEYS[3], ARGV[5] .. id .. ' ' .. ARGV[1])
end
return {entries, swept[3] or {}}
