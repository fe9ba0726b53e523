-- The turns of what is due: of each lost worker, and of each of these sets of those that wait, so many of its first.
local asking, score, now, limit = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local found = {}
for _, w in ipairs(lost(asking, score)) do
  found[#found + 1] = call('ZRANGE', P .. 'run:' .. w, 0, limit - 1)
end
local lists = #found
for at = 6, #ARGV, 2 do
  local key, most, turns = P .. ARGV[at], tonumber(ARGV[at + 1]), {}
  priorities(key, function(priority)
    local left = most - #turns
    local more = call('ZRANGEBYLEX', key, '[' .. priority, '(' .. priority .. now .. string.rep('\255', 17), 'LIMIT', 0, left)
    for _, turn in ipairs(more) do turns[#turns + 1] = turn end
    return #turns < most
  end)
  found[#found + 1] = turns
end
return { lists, found }
