-- Where one job stands, its turn, and whether it is a lost one.
local h = call('HMGET', J(ARGV[4]), 'c', 'p', 'w')
if not h[1] then return false end
local is_lost = h[1] == '1' and h[3] ~= ARGV[2] and not lives(h[3], ARGV[3])
return { h[1], h[2], is_lost and 1 or 0 }
