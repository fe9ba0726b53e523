-- How many jobs wait of so many groups, from here on, and where the next begin; and how many run of each that has some.
local found, last = {}, false
for _, r in ipairs(call('ZRANGEBYLEX', P .. 'groups', ARGV[2], '+', 'LIMIT', 0, ARGV[3])) do
  found[#found + 1], found[#found + 2], last = r, call('ZCARD', P .. 'pend:' .. r), r
end
return { found, last and '(' .. last, call('HGETALL', P .. 'running') }
