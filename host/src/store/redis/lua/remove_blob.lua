local before = answered(ARGV[2])
if before then return tonumber(before) end
local key = P .. 'b:' .. ARGV[3]
local old = call('GET', key)
if not old then return 0 end
call('DEL', key)
if string.byte(old) == 1 then call('PEXPIRE', F(string.sub(old, 18)), 60000) end
return answer(ARGV[2], 1)
