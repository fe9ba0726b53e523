-- Whether there are jobs of lost workers, and when the first of these sets of those that wait falls due.
local asking, score = ARGV[2], ARGV[3]
local first = false
for at = 4, #ARGV do
  priorities(P .. ARGV[at], function(_, head)
    local due = string.sub(head, 5, 12)
    if not first or le(due, first) then first = due end
    return true
  end)
end
return { #lost(asking, score), first }
