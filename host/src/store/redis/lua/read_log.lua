-- How many lines there are, and the pieces from the one on that has this line, up to so many bytes.
local id, from, most = ARGV[2], ARGV[3], tonumber(ARGV[4])
local h = call('HMGET', J(id), 'v', 'n')
if not h[1] then return false end
local total, pieces, bytes = h[2] or '0', {}, 0
if from == '' or tonumber(from) >= tonumber(total) then return { total, pieces } end
local start = call('ZREVRANGEBYSCORE', P .. 'l:' .. id, from, '-inf', 'LIMIT', 0, 1)[1]
while start and bytes < most do
  pieces[#pieces + 1] = start
  bytes = bytes + #start
  local first = struct.unpack('>I4', start)
  start = call('ZRANGEBYSCORE', P .. 'l:' .. id, '(' .. string.format('%.0f', first), '+inf', 'LIMIT', 0, 1)[1]
end
return { total, pieces }
