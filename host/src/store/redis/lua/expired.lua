-- Records of so many jobs that have expired, longest ago first, and where the next begin. One whose keys the server has forgotten
-- by itself is taken out of the indexes.
local from, now, count = ARGV[2], ARGV[3], ARGV[4]
local last, rows = false, {}
for _, member in ipairs(call('ZRANGEBYLEX', P .. 'exp', from, '(' .. now .. string.rep('\255', 17), 'LIMIT', 0, count)) do
  local id = string.sub(member, 9, 24)
  last = string.sub(member, 1, 24) .. '\255'
  local h = call('HMGET', J(id), 's', 't', 'v', 'c')
  if h[1] then
    rows[#rows + 1] = { id, h[1], h[2], h[3], h[4] }
  else
    local kept = cmsgpack.unpack(string.sub(member, 25))
    quit(id, kept[1], '', '', kept[2], '')
    lighter(kept[2], kept[3])
    untag(id, kept[4])
    call('ZREM', P .. 'exp', member)
  end
end
return { last, rows }
