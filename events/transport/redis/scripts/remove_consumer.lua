-- Remove a consumer that holds nothing: XGROUP DELCONSUMER would destroy what it holds.
-- KEYS  1 stream or retry stream
-- ARGV  1 group, 2 consumer
-- Gives 1 when it is gone, 0 when it still holds entries.
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
