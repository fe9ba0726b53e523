-- Those who have jobs that wait, and how many of theirs run.
local found = {}
for _, o in ipairs(call('ZRANGE', P .. 'owners', 0, -1)) do
  local running = o ~= 'n' and call('HGET', P .. 'own:' .. o, '1')
  found[#found + 1] = { o, running or '0' }
end
return found
