-- Sets a damaged record aside, unless it has changed: nothing takes or lists it any more.
local id = ARGV[2]
local h = call('HMGET', J(id), 'v', 'c', 'p', 'w', 'o', 'x', 'r')
if not h[1] or h[1] ~= ARGV[3] or h[2] == '5' then return 0 end
quit(id, h[2], h[3], h[4], h[5], h[7] or '')
if h[6] then expires_not(id, h[6]) end
call('HSET', J(id), 'c', '5', 'p', '', 'w', '')
enter(id, '5', '', '', h[5], '')
return 1
