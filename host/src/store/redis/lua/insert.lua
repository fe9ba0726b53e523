local handle, id, key, holds, created, spec, state, v, c = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local q, turn, w, o, ttl, x, bytes, g = ARGV[11], ARGV[12], ARGV[13], ARGV[14], ARGV[15], ARGV[16], ARGV[17], ARGV[18]
local input, fi, ni, output, fo, no = ARGV[19], ARGV[20], ARGV[21], ARGV[22], ARGV[23], ARGV[24]
local r = ARGV[25]

local there = call('HGET', J(id), 's')
if again and there == spec then return { 'new' } end
-- A key may be the empty text: '1' stands before each.
local named = key ~= '' and P .. 'k:' .. string.sub(key, 2)
if named then
  local holder = call('GET', named)
  local first = holder and string.sub(holder, 1, 16)
  if first and first ~= id then
    local h = call('HMGET', J(first), 'c', 'x')
    local free = not h[1] or (string.sub(holder, 17) == '1' and tonumber(h[1]) >= 2) or (h[2] and le(h[2], created))
    if not free then return { 'existing', first } end
  end
end
if there then return { 'conflict' } end
if not (whole(fi, ni) and whole(fo, no)) then return { 'gone' } end

local set = { 's', spec, 't', state, 'v', v, 'c', c, 'q', q, 'p', turn, 'w', w, 'o', o, 'l', ttl, 'b', bytes, 'g', g, 'r', r }
local function also(field, value)
  if value ~= '' then set[#set + 1], set[#set + 2] = field, value end
end
also('i', input)
also('u', output)
also('fi', fi)
also('fo', fo)
also('x', x)
if named then set[#set + 1], set[#set + 2] = 'k', string.sub(key, 2) end
call('HSET', J(id), unpack(set))
if fi ~= '' then call('PERSIST', F(fi)) end
if fo ~= '' then call('PERSIST', F(fo)) end
if named then call('SET', named, id .. holds) end
enter(id, c, turn, w, o, r)
if o ~= 'n' then call('HINCRBY', P .. 'own:' .. o, 'b', bytes) end
for _, tag in ipairs(tags(g)) do call('ZADD', P .. 't:' .. tag, 0, id) end
if x ~= '' then
  expires(id, x, c, o, bytes, g)
  keep(id, ttl)
end
hint(id, handle)
return { 'new' }
