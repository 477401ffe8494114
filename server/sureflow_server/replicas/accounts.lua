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
-- is repeated, and what was granted and not used is given back by the next call. What is no number, or
-- none that can be, counts as nothing; more than a thousand replicas are forgotten.

local call, clock = redis.call, table.remove(ARGV, 1)
local prefix, id, me = KEYS[1], ARGV[1], ARGV[2]
local taken, acknowledged, flight, asked =
  tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local rate, most = tonumber(ARGV[8]), tonumber(ARGV[9])
local hash = prefix .. 'account:' .. id
local REMEMBER_S, MOST_REPLICAS = 24 * 3600, 1000

local now = tonumber(clock)
if not now then
  local time = call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

call('SET', prefix .. 'alive:' .. me, '', 'PX', ARGV[3])

local function exact(number) return string.format('%.17g', number) end

-- Of what should be a number and is the default if it is none.
local function number_of(text, default)
  local number = tonumber(text or default)
  return number and math.abs(number) <= 2 ^ 53 and number or default
end

-- What the other replicas have in flight; the dead are forgotten.
local function at_other_replicas()
  if call('HLEN', hash) > 2 + 2 * MOST_REPLICAS then call('UNLINK', hash) end
  local sum, fields = 0, call('HGETALL', hash)
  for at = 1, #fields, 2 do
    local replica = string.match(fields[at], '^flight:(.*)$')
    if replica and replica ~= me then
      if call('EXISTS', prefix .. 'alive:' .. replica) == 1 then
        sum = sum + number_of(fields[at + 1], 0)
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
  local elapsed = math.max(now - number_of(kept[2], now), 0)
  spent = math.max(number_of(kept[1], 0) - elapsed * rate / 60, 0)
  spent = math.max(spent + taken - number_of(kept[3], acknowledged), 0)
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
local debt_s = math.min(rate and spent * 60 / rate or 0, 365 * REMEMBER_S)
call('EXPIRE', hash, string.format('%.0f', REMEMBER_S + debt_s))
return answer
