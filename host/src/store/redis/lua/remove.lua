local handle, op = ARGV[2], ARGV[3]
local before = answered(op)
if before then return tonumber(before) end
local count = 0
for at = 4, #ARGV do
  local id = ARGV[at]
  local h = call('HMGET', J(id), 'c', 'p', 'w', 'o', 'b', 'g', 'x', 'k', 'fi', 'fo', 'r')
  if h[1] then
    count = count + 1
    quit(id, h[1], h[2], h[3], h[4], h[11] or '')
    lighter(h[4], h[5])
    untag(id, h[6])
    if h[7] then expires_not(id, h[7]) end
    if h[8] then
      local holder = call('GET', P .. 'k:' .. h[8])
      if holder and string.sub(holder, 1, 16) == id then call('DEL', P .. 'k:' .. h[8]) end
    end
    if h[9] then call('UNLINK', F(h[9])) end
    if h[10] then call('UNLINK', F(h[10])) end
    call('UNLINK', J(id), P .. 'l:' .. id)
    -- Of many, one hint tells all.
    if #ARGV <= 12 then hint(id, handle) end
  end
end
if count > 0 and #ARGV > 12 then hint('', handle) end
return count > 0 and answer(op, count) or 0
