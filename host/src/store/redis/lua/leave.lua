call('ZREM', P .. 'workers', ARGV[3])
-- What it still runs is for others to take up.
if call('EXISTS', P .. 'run:' .. ARGV[3]) == 1 then hint('', ARGV[2]) end
return 1
