local handle, id, op, bytes = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local h = call('HMGET', J(id), 'v', 'n', 'a', 'o', 'x')
if not h[1] then return 0 end
if #ARGV == 5 then return 1 end
local done = h[3] or ''
if again then
  for at = 1, #done, 8 do
    if string.sub(done, at, at + 7) == op then return 1 end
  end
end
local first, log = tonumber(h[2] or '0'), P .. 'l:' .. id
local is_new = first == 0
for at = 6, #ARGV, 2 do
  local count = tonumber(ARGV[at])
  call('ZADD', log, first, struct.pack('>I4I4', first, count) .. ARGV[at + 1])
  first = first + count
end
-- The last few appends are remembered, so that one whose answer was lost is not made twice.
call('HSET', J(id), 'n', string.format('%.0f', first), 'a', op .. string.sub(done, 1, 8 * 63))
if h[4] ~= 'n' then
  call('HINCRBY', J(id), 'b', bytes)
  call('HINCRBY', P .. 'own:' .. h[4], 'b', bytes)
end
if h[5] then
  local kept = call('HMGET', J(id), 'c', 'b', 'g')
  expires_not(id, h[5])
  expires(id, h[5], kept[1], h[4], kept[2], kept[3])
  local left = call('PTTL', J(id))
  if is_new and left > 0 then call('PEXPIRE', log, left) end
end
hint(id, handle)
return 1
