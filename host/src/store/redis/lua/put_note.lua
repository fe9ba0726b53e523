call('ZADD', P .. 'names', 0, ARGV[2])
call('HSET', P .. 'notes', ARGV[2], ARGV[3])
return 1
