local key, value, file, pieces = P .. 'b:' .. ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local old = call('GET', key)
if again and old == value then return 1 end
if not whole(file, pieces) then return 0 end
if file ~= '' then call('PERSIST', F(file)) end
call('SET', key, value)
-- Whoever is reading the one before may read it to its end.
if old and string.byte(old) == 1 then call('PEXPIRE', F(string.sub(old, 18)), 60000) end
return 1
