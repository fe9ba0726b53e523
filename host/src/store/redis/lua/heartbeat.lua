local worker, till, now, old = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
-- One that has long been dead is as unknown as one that never was.
call('ZREMRANGEBYSCORE', P .. 'workers', '-inf', old)
call('ZADD', P .. 'workers', till, worker)
return #lost(worker, now)
