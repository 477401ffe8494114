-- The samples of one API key, over all replicas; engine/account.py has the same for one.
--
-- KEYS[1]  what all keys begin with
-- ARGV     time ('' for that of Redis), key, replica, lease of the replica in ms, `taken`,
--          `acknowledged`, `flight`, `asked`, samples a minute and samples in flight ('' for any)
--
-- <prefix>account:<key>  hash: `spent` at `updated`; for each replica `taken:<replica>` and
--                        `flight:<replica>`
--
-- A replica says how many samples it has started since it came up, `taken`, of which Redis has
-- confirmed `acknowledged`, and how many are in flight, so that nothing is counted twice if a call
-- is repeated, and what was granted and not used is given back by the next call.

local call, clock = redis.call, table.remove(ARGV, 1)
local prefix, id, me = KEYS[1], ARGV[1], ARGV[2]
local taken, acknowledged, flight, asked =
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local rate, most = tonumber(ARGV[8]), tonumber(ARGV[9])
local hash = prefix .. 'account:' .. id
local REMEMBER_S = 24 * 3600

local now = tonumber(clock)
if not now then
  local time = call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

call('SET', prefix .. 'alive:' .. me, '', 'PX', ARGV[3])

local function exact(number) return string.format('%.17g', number) end

-- What the other replicas have in flight; the dead are forgotten.
local function at_other_replicas()
  local sum, fields = 0, call('HGETALL', hash)
  for at = 1, #fields, 2 do
    local replica = string.match(fields[at], '^flight:(.*)$')
    if replica and replica ~= me then
      if call('EXISTS', prefix .. 'alive:' .. replica) == 1 then
        sum = sum + tonumber(fields[at + 1])
      else
        call('HDEL', hash, 'flight:' .. replica, 'taken:' .. replica)
      end
    end
  end
  return sum
end

local kept = call('HMGET', hash, 'spent', 'updated', 'taken:' .. me)
local spent = 0
if rate then
  spent = math.max(tonumber(kept[1] or 0) - (now - tonumber(kept[2] or now)) * rate / 60, 0)
  spent = math.max(spent + taken - tonumber(kept[3] or acknowledged), 0)
end

local answer = {'granted'}
if asked > 0 then
  local under_way = at_other_replicas() + flight
  local over = rate and spent + math.min(asked, rate) - rate or 0
  if most and under_way + asked > most then
    answer = {'quota', under_way}
  elseif over > 0 then
    answer = {'rate', exact(over * 60 / rate)}
  else
    spent, taken, flight = spent + (rate and asked or 0), taken + asked, flight + asked
  end
end

call('HSET', hash, 'spent', exact(spent), 'updated', exact(now), 'taken:' .. me, exact(taken),
  'flight:' .. me, exact(flight))
call('EXPIRE', hash, string.format('%.0f', REMEMBER_S + (rate and spent * 60 / rate or 0)))
return answer
