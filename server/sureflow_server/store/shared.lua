-- The shared store inside Redis. Every call of it is one script, hence atomic.
--
-- KEYS[1]  what all keys begin with
-- ARGV     operation, time ('' for that of Redis), budget, constants, the operation's own arguments
--
-- <prefix>handle:<id>   hash: the handle, its payloads, `seq` (its place in the order of its owner)
-- <prefix>frames:<id>   hash: step -> bytes. The only key that Redis itself may drop, when it expires
--                       or for want of memory
-- <prefix>sizes:<id>    hash: step -> what the frame counts for
-- <prefix>owner:<key>   sorted set: id by seq
-- <prefix>expiry        sorted set: id by the time from which it is gone
-- <prefix>gone          sorted set: expired id by the time until which it is remembered
-- <prefix>used          sorted set: "<id>:<step>" by the order of use
-- <prefix>total         hash: handle_bytes, frame_bytes, and the counters seq and use
--
-- Redis answers nobody while a script runs, and one that has written cannot be ended. So every loop has
-- a bound, whatever the keys hold: what is left is for another call, which `more` asks for. What should
-- be a number and is none counts as nothing.

local call = redis.call
local prefix, operation, budget = KEYS[1], ARGV[1], tonumber(ARGV[3])
local OVERHEAD, REMEMBER_S, REMEMBERED = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local FIRST = 7
local BATCH = 1000       -- of handles or frames that one call drops
local MOST_FRAMES = 1e4  -- of one handle; nobody has put more

local function now_s()
  if ARGV[2] ~= '' then return tonumber(ARGV[2]) end
  local time = call('TIME')
  return tonumber(time[1]) + tonumber(time[2]) / 1e6
end

local now = now_s()

local function key(kind, name) return prefix .. kind .. (name and ':' .. name or '') end

local function exact(number) return string.format('%.17g', number) end

local function number_of(text)
  local number = tonumber(text or 0)
  return number and math.abs(number) <= 2 ^ 53 and number or 0
end

local function total(field) return number_of(call('HGET', key('total'), field)) end

local function count(field, change)
  local number = math.max(total(field) + change, 0)
  call('HSET', key('total'), field, exact(number))
  return number
end

-- A script that has written may go on although Redis is out of memory; its first write must be one
-- that takes none. So what removes something, removes first and counts then.

local function drop_frame(id, step)
  local size = number_of(call('HGET', key('sizes', id), step))
  call('ZREM', key('used'), id .. ':' .. step)
  call('HDEL', key('sizes', id), step)
  call('HDEL', key('frames', id), step)
  count('frame_bytes', -size)
end

-- Returns the steps of which a handle has frames. Too many to look at are as good as none.
local function steps(id)
  if call('HLEN', key('sizes', id)) > MOST_FRAMES then
    call('UNLINK', key('sizes', id), key('frames', id))
  end
  return call('HKEYS', key('sizes', id))
end

-- Returns how many there were.
local function drop_frames(id)
  local there, nbytes = steps(id), 0
  for _, step in ipairs(there) do
    nbytes = nbytes + number_of(call('HGET', key('sizes', id), step))
    call('ZREM', key('used'), id .. ':' .. step)
  end
  call('UNLINK', key('sizes', id), key('frames', id))
  if nbytes > 0 then count('frame_bytes', -nbytes) end
  return #there
end

local function drop(id)
  local dropped = drop_frames(id)
  local owner, nbytes = unpack(call('HMGET', key('handle', id), 'owner', 'nbytes'))
  call('ZREM', key('expiry'), id)
  -- Not there only if somebody else removed it; then the count stays too high rather than too low.
  if owner then
    count('handle_bytes', -number_of(nbytes))
    call('ZREM', key('owner', owner), id)
  end
  call('UNLINK', key('handle', id))
  return dropped
end

-- Returns how many handles it has removed, and whether others have expired as well.
local function sweep()
  local ids = call('ZRANGEBYSCORE', key('expiry'), '-inf', exact(now), 'LIMIT', 0, BATCH)
  local swept, frames = 0, 0
  for _, id in ipairs(ids) do
    frames = frames + drop(id)
    call('ZADD', key('gone'), exact(now + REMEMBER_S), id)
    swept = swept + 1
    if frames >= MOST_FRAMES then break end
  end
  call('ZREMRANGEBYSCORE', key('gone'), '-inf', exact(now))
  call('ZREMRANGEBYRANK', key('gone'), 0, -REMEMBERED - 1)
  return swept, call('ZCOUNT', key('expiry'), '-inf', exact(now)) > 0
end

-- Returns what is wrong with a handle, or nil if it is live.
local function missing(id)
  local expires = call('ZSCORE', key('expiry'), id)
  if expires then
    if now < tonumber(expires) then return nil end
    return 'expired'
  end
  local forgotten = call('ZSCORE', key('gone'), id)
  return forgotten and now < tonumber(forgotten) and 'expired' or 'unknown'
end

-- Lets the index follow where Redis dropped the frames of a handle by itself.
local function heed_loss(id)
  if call('EXISTS', key('frames', id)) == 0 then drop_frames(id) end
end

-- Drops the frames that were not used for longest. Returns how many, and whether more have to go.
local function make_room(nbytes)
  for evicted = 0, BATCH - 1 do
    if total('handle_bytes') + total('frame_bytes') + nbytes <= budget then return evicted, false end
    local oldest = call('ZRANGE', key('used'), 0, 0)[1]
    if not oldest then
      if total('frame_bytes') > 0 then call('HSET', key('total'), 'frame_bytes', 0) end
      return evicted, false
    end
    local id, step = string.match(oldest, '^(.*):(%d+)$')
    if id then drop_frame(id, step) end
    call('ZREM', key('used'), oldest)
  end
  return BATCH, total('handle_bytes') + total('frame_bytes') + nbytes > budget
end

local function use(id, step)
  call('ZREM', key('used'), id .. ':' .. step)
  call('ZADD', key('used'), count('use', 1), id .. ':' .. step)
end

-- Chooses the frames, pairs of step and bytes from this argument on, that room is enough for.
local function fitting(first, room, there)
  local chosen, nbytes = {}, 0
  for at = first, #ARGV, 2 do
    local size = #ARGV[at + 1] + OVERHEAD
    if not there[ARGV[at]] and nbytes + size <= room then
      chosen[#chosen + 1] = at
      nbytes = nbytes + size
    end
  end
  return chosen, nbytes
end

local function add_frames(id, chosen)
  -- What matters most goes last when room is wanted.
  for index = #chosen, 1, -1 do
    local step, data = ARGV[chosen[index]], ARGV[chosen[index] + 1]
    call('HSET', key('frames', id), step, data)
    call('HSET', key('sizes', id), step, #data + OVERHEAD)
    count('frame_bytes', #data + OVERHEAD)
    use(id, step)
  end
  if #chosen > 0 then
    -- Only in case that no server is left to sweep.
    local rest = tonumber(call('ZSCORE', key('expiry'), id)) - now + REMEMBER_S
    call('PEXPIRE', key('frames', id), string.format('%.0f', rest * 1000))
  end
end

local HANDLE = {'owner', 'model', 'model_version', 'created', 'expires', 'note', 'recipe', 'sample'}
local ENTRY = {'model', 'model_version', 'created', 'expires', 'note', 'nbytes'}

-- Fails, before anything was written, if Redis is out of memory.
local function take_number() return count('seq', 1) end

local operations = {}

function operations.put(id, lifetime, owner, model, version, note, recipe, sample)
  local seq = take_number()
  if select(2, sweep()) then return {'more', 0} end
  if call('ZSCORE', key('expiry'), id) then
    return {'kept', 0, call('HMGET', key('handle', id), unpack(HANDLE))}
  end
  local nbytes = #note + #recipe + #sample + OVERHEAD
  local room = budget - total('handle_bytes') - nbytes
  if room < 0 then return {'full'} end
  local chosen, frame_bytes = fitting(FIRST + 8, room, {})
  local evicted, more = make_room(nbytes + frame_bytes)
  if more then return {'more', evicted} end
  local created, expires = exact(now), exact(now + tonumber(lifetime))
  call('HSET', key('handle', id), 'owner', owner, 'model', model, 'model_version', version,
    'created', created, 'expires', expires, 'note', note, 'recipe', recipe, 'sample', sample,
    'nbytes', nbytes, 'seq', seq)
  call('ZADD', key('expiry'), expires, id)
  call('ZADD', key('owner', owner), seq, id)
  count('handle_bytes', nbytes)
  add_frames(id, chosen)
  return {'kept', evicted, call('HMGET', key('handle', id), 'created', 'expires')}
end

function operations.get(id)
  local wrong = missing(id)
  if wrong then return {wrong} end
  return {'live', call('HMGET', key('handle', id), unpack(HANDLE))}
end

function operations.frame(id, at_most)
  local wrong = missing(id)
  if wrong then return {wrong} end
  heed_loss(id)
  local last = -1
  for _, step in ipairs(steps(id)) do
    step = number_of(step)
    if step <= tonumber(at_most) and step > last then last = step end
  end
  if last < 0 then return {'live'} end
  local step = exact(last)
  use(id, step)
  return {'live', last, call('HGET', key('frames', id), step)}
end

function operations.frames(id)
  local wrong = missing(id)
  if wrong then return {wrong} end
  heed_loss(id)
  steps(id)
  return {'live', call('HGETALL', key('sizes', id))}
end

function operations.add_frames(id)
  local wrong = missing(id)
  if wrong then return {wrong} end
  take_number()
  if select(2, sweep()) then return {'more', 0} end
  heed_loss(id)
  local there = {}
  for _, step in ipairs(steps(id)) do there[step] = true end
  local chosen, nbytes = fitting(FIRST + 1, budget - total('handle_bytes'), there)
  local evicted, more = make_room(nbytes)
  if more then return {'more', evicted} end
  add_frames(id, chosen)
  return {'live', evicted}
end

function operations.delete(id)
  local wrong = missing(id)
  if wrong then return {wrong} end
  drop(id)
  return {'live'}
end

function operations.owned(owner, limit, before)
  if select(2, sweep()) then return {'more', 0} end
  local top = before == '' and '+inf' or '(' .. before
  local ids = call('ZREVRANGEBYSCORE', key('owner', owner), top, '-inf', 'LIMIT', 0, limit + 1)
  local entries = {}
  for index = 1, math.min(#ids, limit) do
    local id = ids[index]
    entries[index] = {id, call('HMGET', key('handle', id), unpack(ENTRY))}
  end
  if #ids <= tonumber(limit) then return {'listed', entries} end
  return {'listed', entries, call('ZSCORE', key('owner', owner), ids[tonumber(limit)])}
end

-- Returns how many handles and frames are gone, and whether more have to go.
function operations.sweep()
  local swept, expired = sweep()
  local evicted, more = make_room(0)
  return {(expired or more) and 'more' or 'swept', evicted, swept}
end

function operations.usage()
  return {total('handle_bytes') + total('frame_bytes'), call('ZCARD', key('expiry')),
    call('ZCARD', key('used'))}
end

return operations[operation](unpack(ARGV, FIRST, math.min(#ARGV, FIRST + 7)))
