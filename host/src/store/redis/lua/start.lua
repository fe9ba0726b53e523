-- Starts or settles the jobs that nobody has changed meanwhile: for each, 'done' and its input, or why not.
local handle, op, asking, now = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local answers = {}
for at = 6, #ARGV, 9 do
  local id = ARGV[at]
  local why = move(id, op, handle, {
    before = ARGV[at + 1], version = ARGV[at + 2], state = ARGV[at + 3], c = ARGV[at + 4], due = ARGV[at + 5], w = ARGV[at + 6],
    finished = ARGV[at + 7], limits = ARGV[at + 8], asking = asking, now = now,
  })
  if why then
    answers[#answers + 1] = { why }
  elseif ARGV[at + 4] == '1' then
    answers[#answers + 1] = { 'done', call('HGET', J(id), 'i') or '' }
  else
    answers[#answers + 1] = { 'done', '' }
  end
end
return answers
