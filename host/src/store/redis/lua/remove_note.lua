local before = answered(ARGV[2])
if before then return tonumber(before) end
call('ZREM', P .. 'names', ARGV[3])
return answer(ARGV[2], call('HDEL', P .. 'notes', ARGV[3]))
