-- What all scripts begin with. KEYS[1] is what the names of all keys begin with, ARGV[1] says whether this may have been done already.
--
-- Bytes are never compared with < here: Lua does so by the collation of the server's locale. Redis itself compares members byte by
-- byte. Times are 8 bytes, so biased that they sort; numbers that may be large stay text, for Lua would round them.
local P, again, call = KEYS[1], ARGV[1] == '1', redis.call
local DAY = 86400000

local function J(id) return P .. 'j:' .. id end
local function F(name) return P .. 'f:' .. name end

-- Whether one time is not after another.
local function le(a, b)
  local ah, al = struct.unpack('>I4I4', a)
  local bh, bl = struct.unpack('>I4I4', b)
  return ah < bh or (ah == bh and al <= bl)
end

-- A time and a span; the last time there is when that cannot be written.
local function plus(time, span)
  local ah, al = struct.unpack('>I4I4', time)
  local bh, bl = struct.unpack('>I4I4', span)
  local h, l = ah + bh, al + bl
  if l >= 4294967296 then h, l = h + 1, l - 4294967296 end
  if h >= 4294967296 then return string.rep('\255', 8) end
  return struct.pack('>I4I4', h, l)
end

-- Tells those who listen. No id: something changed.
local function hint(id, handle)
  call('XADD', P .. 'ch', 'MAXLEN', '~', '10000', '*', 'j', handle .. id)
end

-- Puts a job into the indexes of its status. `o` is whose it is: 'n', or 'p' and the principal. `r` is its group.
local function enter(id, c, turn, w, o, r)
  call('ZADD', P .. 'st:' .. c, 0, id)
  if c == '0' then
    call('ZADD', P .. 'pend', 0, turn)
    call('ZADD', P .. 'pend:' .. r, 0, turn)
    call('ZADD', P .. 'groups', 0, r)
  elseif c == '1' then
    call('ZADD', P .. 'run:' .. w, 0, turn)
    call('ZADD', P .. 'busy', 0, w)
    call('HINCRBY', P .. 'running', r, 1)
  end
  if o ~= 'n' then call('HINCRBY', P .. 'own:' .. o, c, 1) end
end

-- Takes it out again. The first write of a script is one that Redis does even when its memory is full, and so it does the rest.
local function quit(id, c, turn, w, o, r)
  call('ZREM', P .. 'st:' .. c, id)
  if c == '0' then
    call('ZREM', P .. 'pend', turn)
    call('ZREM', P .. 'pend:' .. r, turn)
    if call('EXISTS', P .. 'pend:' .. r) == 0 then call('ZREM', P .. 'groups', r) end
  elseif c == '1' then
    call('ZREM', P .. 'run:' .. w, turn)
    if call('EXISTS', P .. 'run:' .. w) == 0 then call('ZREM', P .. 'busy', w) end
    if call('HINCRBY', P .. 'running', r, -1) == 0 then call('HDEL', P .. 'running', r) end
  end
  if o ~= 'n' then call('HINCRBY', P .. 'own:' .. o, c, -1) end
end

-- The names of what lists find a job by, each after its length.
local function tags(packed)
  local found, at = {}, 1
  while at <= #packed do
    found[#found + 1], at = struct.unpack('>I4c0', packed, at)
  end
  return found
end

-- Notes when a job expires, with all that must be known to take it out of the indexes should its own keys be gone by then.
local function expires(id, x, c, o, b, g)
  call('ZADD', P .. 'exp', 0, x .. id .. cmsgpack.pack({ c, o, b, g }))
end

local function expires_not(id, x)
  call('ZREMRANGEBYLEX', P .. 'exp', '[' .. x .. id, '[' .. x .. id .. '\255')
end

-- So many bytes less are kept of somebody's; one who has nothing is forgotten.
local function lighter(o, b)
  if o == 'n' then return end
  local own = P .. 'own:' .. o
  call('HINCRBY', own, 'b', '-' .. b)
  for _, count in ipairs(call('HVALS', own)) do
    if count ~= '0' then return end
  end
  call('DEL', own)
end

-- Takes a job of which its own keys may be gone out of the indexes that outlast a status.
local function untag(id, g)
  for _, tag in ipairs(tags(g)) do call('ZREM', P .. 't:' .. tag, id) end
end

-- Lets the server forget the keys of a finished job by itself, a day after it has expired: for when no host does it. The span runs
-- from now, for the time of finishing is somebody else's clock.
local function keep(id, ttl)
  local hi, lo = struct.unpack('>I4I4', ttl)
  local ms = (hi * 4294967296 + lo) / 1000 + DAY
  if ms > 3e12 then return end
  ms = string.format('%.0f', ms)
  local h = call('HMGET', J(id), 'fi', 'fo', 'k')
  call('PEXPIRE', J(id), ms)
  call('PEXPIRE', P .. 'l:' .. id, ms)
  if h[1] then call('PEXPIRE', F(h[1]), ms) end
  if h[2] then call('PEXPIRE', F(h[2]), ms) end
  if h[3] then
    local holder = call('GET', P .. 'k:' .. h[3])
    if holder and string.sub(holder, 1, 16) == id then call('PEXPIRE', P .. 'k:' .. h[3], ms) end
  end
end

-- Whether the pieces of a payload are all there.
local function whole(name, pieces)
  return name == '' or call('LLEN', F(name)) == tonumber(pieces)
end

-- Whether a worker is known to live.
local function lives(w, now)
  local till = call('ZSCORE', P .. 'workers', w)
  return till and tonumber(till) > tonumber(now)
end

-- Workers other than this one that run something and are not known to live.
local function lost(asking, now)
  local found = {}
  for _, w in ipairs(call('ZRANGE', P .. 'busy', 0, -1)) do
    if w ~= asking and not lives(w, now) then found[#found + 1] = w end
  end
  return found
end

-- The lanes that the jobs of a group are in, named as `lanes.rs` names them.
local function lanes(r)
  local parts, at = {}, 1
  for n = 1, 4 do
    local to = string.find(r, '\255', at, true) or #r + 1
    parts[n], at = string.sub(r, at, to - 1), to + 1
  end
  local q, f, p, k = parts[1] .. '\255', parts[2] .. '\255', parts[3], parts[4]
  local found = { 'q' .. q, 'f' .. f, 'i' .. q .. f }
  if p ~= '' then found[#found + 1] = 'p' .. string.sub(p, 2) .. '\255' end
  if k ~= '' then found[#found + 1] = 'k' .. q .. string.sub(k, 2) .. '\255' end
  return found
end

-- How many jobs run in each lane, once somebody has asked.
local running

local function count(r, by)
  for _, lane in ipairs(lanes(r)) do running[lane] = (running[lane] or 0) + by end
end

-- Whether there is room in these lanes, each after its length and before how many may run in it.
local function fits(limits)
  if not running then
    running = {}
    local groups = call('HGETALL', P .. 'running')
    for at = 1, #groups, 2 do count(groups[at], tonumber(groups[at + 1])) end
  end
  local at = 1
  while at <= #limits do
    local lane, most
    lane, most, at = struct.unpack('>I4c0I4', limits, at)
    if (running[lane] or 0) >= most then return false end
  end
  return true
end

-- Puts a state in place of the one before it; answers why not, if so. `limits`: so many of its lanes may run, or ''. `asking`: who
-- takes it, from nobody but the lost.
local function move(id, op, handle, next)
  local h = call('HMGET', J(id), 'v', 'c', 'q', 'p', 'w', 'o', 'l', 'b', 'y', 'r')
  if not h[1] then return 'absent' end
  if again and h[9] == op then return nil end
  if h[1] ~= next.before then return 'conflict' end
  local c, o, r = h[2], h[6], h[10] or ''
  if tonumber(c) >= 2 then return 'finished' end
  if next.asking and c == '1' and (h[5] == next.asking or lives(h[5], next.now)) then return 'conflict' end
  if next.limits ~= '' and c == '0' and next.c == '1' and not fits(next.limits) then return 'full' end
  if running then count(r, (next.c == '1' and 1 or 0) - (c == '1' and 1 or 0)) end
  quit(id, c, h[4], h[5], o, r)
  local turn = next.due == '' and '' or h[3] .. next.due .. id
  local set = { 'v', next.version, 't', next.state, 'c', next.c, 'p', turn, 'w', next.w, 'y', op }
  if next.output then
    set[#set + 1], set[#set + 2] = 'u', next.output
  end
  if next.file then
    set[#set + 1], set[#set + 2] = 'fo', next.file
    call('PERSIST', F(next.file))
  end
  call('HSET', J(id), unpack(set))
  if next.bytes and o ~= 'n' then
    call('HINCRBY', P .. 'own:' .. o, 'b', next.bytes)
    call('HINCRBY', J(id), 'b', next.bytes)
  end
  enter(id, next.c, turn, next.w, o, r)
  if next.finished ~= '' and h[7] ~= '' then
    local x = plus(next.finished, h[7])
    call('HSET', J(id), 'x', x)
    local kept = call('HMGET', J(id), 'b', 'g')
    expires(id, x, next.c, o, kept[1], kept[2])
    keep(id, h[7])
  end
  hint(id, handle)
  return nil
end

-- Goes through the priorities of a set of turns, the highest first, as long as `look` says so: it is given the first turn of each.
-- More priorities than this are not looked at in one go.
local function priorities(key, look)
  local from = '-'
  for _ = 1, 10000 do
    local head = call('ZRANGEBYLEX', key, from, '+', 'LIMIT', 0, 1)[1]
    if not head or not look(string.sub(head, 1, 4), head) then return end
    from = '(' .. string.sub(head, 1, 4) .. string.rep('\255', 25)
  end
end

-- The answer of an operation that is done once, however often it is asked for.
local function answered(op)
  return again and call('GET', P .. 'op:' .. op)
end

local function answer(op, count)
  call('SET', P .. 'op:' .. op, count, 'PX', 60000)
  return count
end
