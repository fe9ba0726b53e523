local handle, id, op = ARGV[2], ARGV[3], ARGV[4]
local next = {
  before = ARGV[5], version = ARGV[6], state = ARGV[7], c = ARGV[8], due = ARGV[9], w = ARGV[10], finished = ARGV[11], limits = '',
}
if ARGV[12] ~= '' then next.output = ARGV[12] end
if ARGV[13] ~= '' then next.file = ARGV[13] end
if ARGV[15] ~= '0' then next.bytes = ARGV[15] end
if not whole(ARGV[13], ARGV[14]) then
  -- Or this is said again of what was done.
  local h = call('HGET', J(id), 'y')
  if again and h == op then return 'done' end
  return 'gone'
end
return move(id, op, handle, next) or 'done'
