-- The records of these jobs.
local found = {}
for at = 2, #ARGV do
  local h = call('HMGET', J(ARGV[at]), 's', 't', 'v', 'c')
  found[#found + 1] = { ARGV[at], h[1], h[2], h[3], h[4] }
end
return found
