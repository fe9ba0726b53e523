-- Notes by name, so many of those between two names, and no more than so many bytes, but one.
local from, to, count, most = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local found, bytes = {}, 0
for _, name in ipairs(call('ZRANGEBYLEX', P .. 'names', from, to, 'LIMIT', 0, count)) do
  if bytes >= most then break end
  local note = call('HGET', P .. 'notes', name)
  found[#found + 1] = { name, note }
  bytes = bytes + #note
end
return found
