-- What replicas do once for all of them, and what came of it. Every call is one script, hence atomic.
--
-- KEYS[1]  what all keys begin with
-- ARGV     time ('' for that of Redis), operation, store, replica, lease of the replica in ms, owner,
--          name, then the operation's own arguments
--
-- <prefix><store>:entry:<owner> <name>   hash: `state` (busy or kept), `replica`, `token`, `note`,
--                                        `body`
-- <prefix><store>:events:<owner> <name>  list: what has happened
-- <prefix><store>:told:<owner>           sorted set: name of what has been reported, by the time of
--                                        the first report
-- <prefix><store>:expiry                 sorted set: "<owner> <name>" of what is kept, by the time from
--                                        which it is gone
-- <prefix><store>:of:<owner>             sorted set: name of what is kept, likewise
-- <prefix><store>:sizes                  sorted set: "<owner> <name>" of what is kept, by its bytes
-- <prefix><store>:owners                 sorted set: owner by the bytes of what is kept
-- <prefix><store>:total                  the bytes of all that is kept
-- <prefix>alive:<replica>                see presence.lua
--
-- Redis answers nobody while a script runs, and one that has written cannot be ended. So every loop has
-- a bound, whatever the keys hold, and what is counted wrongly is counted as nothing.

local call, clock = redis.call, table.remove(ARGV, 1)
local prefix, operation, store, me = KEYS[1], ARGV[1], KEYS[1] .. ARGV[2] .. ':', ARGV[3]
local owner, name = ARGV[5], ARGV[6]
local id = owner .. ' ' .. name
local OVERHEAD, FORGET_S = 1024, 24 * 3600
local BATCH = 1000  -- of entries that one call drops or looks at
local MOST_EVENTS = 1e5  -- of one entry, that are sized or returned

local now = tonumber(clock)
if not now then
  local time = call('TIME')
  now = tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local function exact(number) return string.format('%.17g', number) end

-- Of what should be a number, and is 0 if it is none.
local function count_of(text)
  local number = tonumber(text or 0)
  return number and math.abs(number) <= 2 ^ 53 and number or 0
end

local function total() return count_of(call('GET', store .. 'total')) end

local function count(change) call('SET', store .. 'total', exact(math.max(total() + change, 0))) end

local function entry(id) return store .. 'entry:' .. id end

local function events(id) return store .. 'events:' .. id end

-- Owners have no blanks.
local function parts(id)
  local whose, which = string.match(id, '^(%S*) (.*)$')
  return whose or '', which or id
end

-- What is counted is not always there any more: Redis may drop what has an expiry for want of memory.
local function uncount(id)
  local size = call('ZSCORE', store .. 'sizes', id)
  if not size then return end
  local whose, which = parts(id)
  call('ZREM', store .. 'sizes', id)
  call('ZREM', store .. 'expiry', id)
  call('ZREM', store .. 'of:' .. whose, which)
  count(-count_of(size))
  if count_of(call('ZINCRBY', store .. 'owners', exact(-count_of(size)), whose)) <= 0 then
    call('ZREM', store .. 'owners', whose)
  end
end

local function drop(id)
  local whose, which = parts(id)
  call('DEL', entry(id), events(id))
  call('ZREM', store .. 'told:' .. whose, which)
  uncount(id)
end

local function sweep()
  local expired = call('ZRANGEBYSCORE', store .. 'expiry', '-inf', exact(now), 'LIMIT', 0, BATCH)
  for _, id in ipairs(expired) do
    drop(id)
    call('ZREM', store .. 'expiry', id)
  end
end

-- Drops the oldest of whoever has most, so that nobody can drive out what others have. Returns whether
-- there is room then; if what is counted is not there, it is not counted any more.
local function evict_for(most)
  for _ = 1, BATCH do
    if total() <= most then return true end
    local greedy = call('ZREVRANGE', store .. 'owners', 0, 0)[1]
    if not greedy then
      call('DEL', store .. 'total', store .. 'sizes')
      return true
    end
    local oldest = call('ZRANGE', store .. 'of:' .. greedy, 0, 0)[1]
    if oldest then
      drop(greedy .. ' ' .. oldest)
      call('ZREM', store .. 'of:' .. greedy, oldest)
    else
      call('ZREM', store .. 'owners', greedy)
    end
  end
  return total() <= most
end

-- Returns busy, kept, lapsed (its replica is dead) or none, and whose it is.
local function standing(id)
  local found = call('HMGET', entry(id), 'state', 'replica', 'token')
  if found[1] == 'busy' and call('EXISTS', prefix .. 'alive:' .. (found[2] or '')) == 0 then
    return 'lapsed', found[2], found[3]
  end
  local known = found[1] == 'busy' or found[1] == 'kept'
  return known and found[1] or 'none', found[2], found[3]
end

local function state()
  sweep()
  return standing(id)
end

local function alive() call('SET', prefix .. 'alive:' .. me, '', 'PX', ARGV[4]) end

-- Only in case that no replica is left to end it.
local function remember(seconds)
  local listed = store .. 'told:' .. owner
  if call('TTL', listed) < seconds then call('EXPIRE', listed, string.format('%.0f', seconds)) end
  call('EXPIRE', entry(id), string.format('%.0f', seconds))
  call('EXPIRE', events(id), string.format('%.0f', seconds))
end

local function happened(first, most)
  return call('LRANGE', events(id), first, first + math.min(most, MOST_EVENTS) - 1)
end

local operations = {}

-- Begins, unless another has begun or has ended: returns how it stands if so.
function operations.claim(token, note)
  alive()
  local how, _, whose = state()
  if how == 'kept' or (how == 'busy' and whose ~= token) then
    return {how, call('HMGET', entry(id), 'note', 'body')}
  end
  call('DEL', events(id))
  call('HSET', entry(id), 'state', 'busy', 'replica', me, 'token', token, 'note', note, 'body', '')
  remember(FORGET_S)
  return {'mine'}
end

-- Says how it goes on: what has happened from number `first` on. Returns none if what happened before
-- has been lost.
function operations.tell(token, note, body, first)
  alive()
  local how, _, whose = state()
  if how == 'kept' then return {how} end
  if call('LLEN', events(id)) < tonumber(first) then return {'none'} end
  call('HSET', entry(id), 'state', 'busy', 'replica', me, 'token', token, 'note', note,
    'body', body)
  call('ZADD', store .. 'told:' .. owner, 'NX', exact(now), name)
  for at = 5, #ARGV - 6 do
    if tonumber(first) + at - 5 >= call('LLEN', events(id)) then
      call('RPUSH', events(id), ARGV[6 + at])
    end
  end
  remember(FORGET_S)
  return {'mine'}
end

-- Ends it, to be asked after for a while; what ended first is what counts. Returns more if another call
-- has to make more room.
function operations.keep(token, note, body, lifetime, most)
  alive()
  local how, _, whose = state()
  if how == 'kept' then
    if whose == token then return {'mine'} end
    return {'kept', call('HMGET', entry(id), 'note', 'body')}
  end
  local size = OVERHEAD + #note + #body
  for _, event in ipairs(happened(0, MOST_EVENTS)) do size = size + #event end
  if size > tonumber(most) or call('LLEN', events(id)) > MOST_EVENTS then
    drop(id)
    return {'dropped'}
  end
  uncount(id)
  if not evict_for(tonumber(most) - size) then return {'more'} end
  local expires = exact(now + tonumber(lifetime))
  call('HSET', entry(id), 'state', 'kept', 'replica', me, 'token', token, 'note', note,
    'body', body)
  call('ZADD', store .. 'expiry', expires, id)
  call('ZADD', store .. 'of:' .. owner, expires, name)
  call('ZADD', store .. 'sizes', exact(size), id)
  call('ZINCRBY', store .. 'owners', exact(size), owner)
  count(size)
  remember(tonumber(lifetime) + FORGET_S)
  return {'mine'}
end

-- Gives up what was begun.
function operations.free(token)
  local how, _, whose = state()
  if how ~= 'kept' and whose == token then drop(id) end
  return {}
end

function operations.find(first, most)
  local how = state()
  if how == 'none' then return {how} end
  return {how, call('HMGET', entry(id), 'note', 'body'), happened(first, most)}
end

-- Returns what was reported last, at most so much: name, how it stands and note of each.
function operations.list(most)
  sweep()
  local listed, found = store .. 'told:' .. owner, {}
  for _, which in ipairs(call('ZREVRANGE', listed, 0, BATCH - 1)) do
    if #found >= tonumber(most) then break end
    local other = owner .. ' ' .. which
    local how = standing(other)
    if how == 'none' then
      call('ZREM', listed, which)
    else
      found[#found + 1] = {which, how, call('HGET', entry(other), 'note')}
    end
  end
  return found
end

-- Forgets what is not busy. Returns how it stood.
function operations.discard()
  local how = state()
  if how ~= 'busy' then drop(id) end
  return {how}
end

-- Asks the replica of what is busy to end it. Returns how it stands.
function operations.cancel()
  local how, replica = state()
  if how == 'busy' then
    call('SADD', prefix .. 'cancels:' .. replica, name)
    call('EXPIRE', prefix .. 'cancels:' .. replica, FORGET_S)
  end
  return {how}
end

return operations[operation](unpack(ARGV, 7, math.min(#ARGV, 11)))
