-- Records, newest first, of so many jobs of each of these indexes that stand below the cursor.
local before, count = ARGV[2], ARGV[3]
local found = {}
for at = 4, #ARGV do
  local rows = {}
  for _, id in ipairs(call('ZREVRANGEBYLEX', P .. ARGV[at], before, '-', 'LIMIT', 0, count)) do
    local h = call('HMGET', J(id), 's', 't', 'v', 'c')
    rows[#rows + 1] = { id, h[1], h[2], h[3], h[4] }
  end
  found[#found + 1] = rows
end
return found
