-- Which replicas are alive, and what others want of them.
--
-- KEYS[1]  what all keys begin with
-- ARGV     time, operation, replica, the operation's own arguments
--
-- <prefix>alive:<replica>    there for as long as the replica renews it
-- <prefix>cancels:<replica>  set: names of jobs of the replica that somebody wants to end

local call = redis.call
local alive, cancels = KEYS[1] .. 'alive:' .. ARGV[3], KEYS[1] .. 'cancels:' .. ARGV[3]

local operations = {}

-- Says that the replica is alive for so many milliseconds; returns the jobs that are to end.
function operations.beat(lease)
  call('SET', alive, '', 'PX', lease)
  local names = call('SMEMBERS', cancels)
  call('DEL', cancels)
  return names
end

function operations.leave()
  call('DEL', alive, cancels)
  return {}
end

return operations[ARGV[2]](unpack(ARGV, 4))
