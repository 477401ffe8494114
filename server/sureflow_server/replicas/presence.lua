-- Which replicas are alive, and what others want of them.
--
-- KEYS[1]  what all keys begin with
-- ARGV     time, operation, replica, the operation's own arguments
--
-- <prefix>alive:<replica>    there for as long as the replica renews it
-- <prefix>replicas           sorted set: replicas by the time, in milliseconds, at which they end
-- <prefix>cancels:<replica>  set: names of jobs of the replica that somebody wants to end

local call = redis.call
local alive, cancels = KEYS[1] .. 'alive:' .. ARGV[3], KEYS[1] .. 'cancels:' .. ARGV[3]

local replicas = KEYS[1] .. 'replicas'

local operations = {}

-- Says that the replica is alive for so many milliseconds, and what it tells of itself; returns the
-- jobs that are to end, at most a thousand, and what others tell, at most a hundred of them.
function operations.beat(lease, told)
  call('SET', alive, told, 'PX', lease)
  local clock = call('TIME')
  local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
  call('ZADD', replicas, now + lease, ARGV[3])
  call('ZREMRANGEBYSCORE', replicas, '-inf', now)
  local others = {}
  for _, id in ipairs(call('ZRANGE', replicas, 0, 99)) do
    local text = id ~= ARGV[3] and call('GET', KEYS[1] .. 'alive:' .. id)
    if text and text ~= '' then
      others[#others + 1] = text
    end
  end
  return {call('SPOP', cancels, 1000), others}
end

function operations.leave()
  call('ZREM', replicas, ARGV[3])
  call('DEL', alive, cancels)
  return {}
end

return operations[ARGV[2]](unpack(ARGV, 4))
