-- Adds a piece to a payload on its way, of which nothing is left an hour after its writer is gone.
local key, at = F(ARGV[2]), tonumber(ARGV[3])
local there = call('LLEN', key)
if there == at then
  call('RPUSH', key, ARGV[4])
  call('PEXPIRE', key, 3600000)
  return 1
end
return there > at and 1 or 0
