local now = ARGV[2]
local due, oldest, key = 0, false, P .. 'pend'
priorities(key, function(priority, head)
  local at = string.sub(head, 5, 12)
  if le(at, now) then
    due = due + call('ZLEXCOUNT', key, '[' .. priority, '(' .. priority .. now .. string.rep('\255', 17))
    if not oldest or le(at, oldest) then oldest = at end
  end
  return true
end)
return { call('ZCARD', P .. 'st:0'), due, oldest, call('ZCARD', P .. 'st:1') }
