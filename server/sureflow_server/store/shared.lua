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
-- <prefix>used:<key>    sorted set: "<id>:<step>" of the frames of an owner by the order of use
-- <prefix>handle_bytes  sorted set: owner by what their handles count for
-- <prefix>frame_bytes   sorted set: owner by what their frames count for
-- <prefix>total         hash: handle_bytes, frame_bytes, frames, and the counters seq and use
-- <prefix>used          as used:<key>, of all owners: what earlier versions have put; it goes first
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

-- Counts what an owner has, and the total; kind is handle_bytes or frame_bytes.
local function count_of(kind, owner, change)
  if number_of(call('ZINCRBY', key(kind), exact(change), owner)) <= 0 then
    call('ZREM', key(kind), owner)
  end
  count(kind, change)
end

-- Returns who has most, and how much.
local function greediest(kind)
  local greedy, held = unpack(call('ZREVRANGE', key(kind), 0, 0, 'WITHSCORES'))
  return greedy, number_of(held)
end

local function owner_of(id) return call('HGET', key('handle', id), 'owner') or '' end

-- A script that has written may go on although Redis is out of memory; its first write must be one
-- that takes none. So what removes something, removes first and counts then.

local function drop_frame(owner, id, step)
  local size = number_of(call('HGET', key('sizes', id), step))
  call('ZREM', key('used', owner), id .. ':' .. step)
  call('HDEL', key('frames', id), step)
  if call('HDEL', key('sizes', id), step) == 1 then
    count('frames', -1)
    count_of('frame_bytes', owner, -size)
  end
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
  local there, nbytes, owner = steps(id), 0, owner_of(id)
  for _, step in ipairs(there) do
    nbytes = nbytes + number_of(call('HGET', key('sizes', id), step))
    call('ZREM', key('used', owner), id .. ':' .. step)
    call('ZREM', key('used'), id .. ':' .. step)
  end
  call('UNLINK', key('sizes', id), key('frames', id))
  if #there > 0 then
    count('frames', -#there)
    count_of('frame_bytes', owner, -nbytes)
  end
  return #there
end

local function drop(id)
  local dropped = drop_frames(id)
  local owner, nbytes = unpack(call('HMGET', key('handle', id), 'owner', 'nbytes'))
  call('ZREM', key('expiry'), id)
  -- Not there only if somebody else removed it; then the count stays too high rather than too low.
  if owner then
    call('ZREM', key('owner', owner), id)
    count_of('handle_bytes', owner, -number_of(nbytes))
  end
  call('UNLINK', key('handle', id))
  return dropped
end

-- Drops a handle that may still be asked for. Returns how many frames it had.
local function drop_and_remember(id)
  local frames = drop(id)
  call('ZADD', key('gone'), exact(now + REMEMBER_S), id)
  return frames
end

-- Returns how many handles it has removed, and whether others have expired as well.
local function sweep()
  local ids = call('ZRANGEBYSCORE', key('expiry'), '-inf', exact(now), 'LIMIT', 0, BATCH)
  local swept, frames = 0, 0
  for _, id in ipairs(ids) do
    frames = frames + drop_and_remember(id)
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

-- Returns unknown if a handle is that of another than this owner. Without a word of whose it is, it is
-- of no use to anybody.
local function another(id, owner)
  local whose = owner and call('HGET', key('handle', id), 'owner')
  return whose and whose ~= owner and 'unknown' or nil
end

-- Lets the index follow where Redis dropped the frames of a handle by itself.
local function heed_loss(id)
  if call('EXISTS', key('frames', id)) == 0 then drop_frames(id) end
end

-- Removes the oldest handles of whoever has most, as long as that is more than this owner will have.
-- So nobody can drive out what others have, and nobody loses a live handle to their own. Returns live,
-- full or more.
local function find_room(owner, nbytes)
  local frames = 0
  for _ = 1, BATCH do
    if total('handle_bytes') + nbytes <= budget then return 'live' end
    local greedy, held = greediest('handle_bytes')
    local own = number_of(call('ZSCORE', key('handle_bytes'), owner))
    if not greedy or held <= own + nbytes then return 'full' end
    local oldest = call('ZRANGE', key('owner', greedy), 0, 0)[1]
    if oldest then
      frames = frames + drop_and_remember(oldest)
      call('ZREM', key('owner', greedy), oldest)
    else
      call('ZREM', key('handle_bytes'), greedy)
    end
    if frames >= MOST_FRAMES then break end
  end
  return 'more'
end

-- Of a frame that is given as an argument.
local function size_at(at) return #ARGV[at + 1] + OVERHEAD end

-- Drops the frame of an owner that was not used for longest; without an owner, one of all owners.
-- Returns whether there was any.
local function evict(owner)
  local used = key('used', owner)
  local oldest = call('ZRANGE', used, 0, 0)[1]
  if not oldest then return false end
  local id, step = string.match(oldest, '^(.*):(%d+)$')
  if id then drop_frame(owner or owner_of(id), id, step) end
  call('ZREM', used, oldest)
  return true
end

-- Evicts frames of whoever has most, until there is room for so many bytes beside those of the chosen
-- arguments. These count as the latest of their owner, and the last of them go if they must. Returns
-- how many frames went, and whether more have to go.
local function make_room(nbytes, owner, chosen)
  local evicted, added = 0, 0
  for _, at in ipairs(chosen) do added = added + size_at(at) end
  for _ = 1, BATCH do
    if total('handle_bytes') + total('frame_bytes') + nbytes + added <= budget then
      return evicted, false
    end
    local greedy, held = greediest('frame_bytes')
    if #chosen > 0 then
      local own = added + number_of(call('ZSCORE', key('frame_bytes'), owner))
      if not greedy or own > held or own == held and owner > greedy then greedy = owner end
    end
    if evict(nil) then
      evicted = evicted + 1
    elseif not greedy then
      if total('frame_bytes') > 0 then call('HSET', key('total'), 'frame_bytes', 0) end
      return evicted, false
    elseif evict(greedy) then
      evicted = evicted + 1
    elseif greedy == owner and #chosen > 0 then
      added = added - size_at(chosen[#chosen])
      chosen[#chosen] = nil
      evicted = evicted + 1
    else
      call('ZREM', key('frame_bytes'), greedy)
    end
  end
  return evicted, total('handle_bytes') + total('frame_bytes') + nbytes + added > budget
end

local function use(owner, id, step)
  call('ZREM', key('used'), id .. ':' .. step)
  call('ZADD', key('used', owner), count('use', 1), id .. ':' .. step)
end

-- Chooses the frames, pairs of step and bytes from this argument on, that room is enough for.
local function fitting(first, room, there)
  local chosen = {}
  for at = first, #ARGV, 2 do
    local size = size_at(at)
    if not there[ARGV[at]] and size <= room then
      chosen[#chosen + 1] = at
      room = room - size
    end
  end
  return chosen
end

local function add_frames(owner, id, chosen)
  -- What matters most goes last when room is wanted.
  for index = #chosen, 1, -1 do
    local step, data = ARGV[chosen[index]], ARGV[chosen[index] + 1]
    call('HSET', key('frames', id), step, data)
    call('HSET', key('sizes', id), step, #data + OVERHEAD)
    count('frames', 1)
    count_of('frame_bytes', owner, #data + OVERHEAD)
    use(owner, id, step)
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
  local how = find_room(owner, nbytes)
  if how ~= 'live' then return {how, 0} end
  local chosen = fitting(FIRST + 8, budget - total('handle_bytes') - nbytes, {})
  local evicted, more = make_room(nbytes, owner, chosen)
  if more then return {'more', evicted} end
  local created, expires = exact(now), exact(now + tonumber(lifetime))
  call('HSET', key('handle', id), 'owner', owner, 'model', model, 'model_version', version,
    'created', created, 'expires', expires, 'note', note, 'recipe', recipe, 'sample', sample,
    'nbytes', nbytes, 'seq', seq)
  call('ZADD', key('expiry'), expires, id)
  call('ZADD', key('owner', owner), seq, id)
  count_of('handle_bytes', owner, nbytes)
  add_frames(owner, id, chosen)
  return {'kept', evicted, call('HMGET', key('handle', id), 'created', 'expires')}
end

function operations.get(id, owner)
  local wrong = missing(id) or another(id, owner)
  if wrong then return {wrong} end
  return {'live', call('HMGET', key('handle', id), unpack(HANDLE))}
end

function operations.frame(id, at_most)
  local wrong = missing(id)
  if wrong then return {wrong} end
  heed_loss(id)
  local last, owner = -1, owner_of(id)
  for _, step in ipairs(steps(id)) do
    local number = string.match(step, '^%d+$') and number_of(step) or -1
    if number <= tonumber(at_most) and number > last then
      if call('HEXISTS', key('frames', id), step) == 1 then
        last = number
      else
        drop_frame(owner, id, step)
      end
    end
  end
  if last < 0 then return {'live'} end
  local step = exact(last)
  use(owner, id, step)
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
  local owner = owner_of(id)
  local chosen = fitting(FIRST + 1, budget - total('handle_bytes'), there)
  local evicted, more = make_room(0, owner, chosen)
  if more then return {'more', evicted} end
  add_frames(owner, id, chosen)
  return {'live', evicted}
end

function operations.delete(id, owner)
  local wrong = missing(id) or another(id, owner)
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
  local evicted, more = make_room(0, '', {})
  return {(expired or more) and 'more' or 'swept', evicted, swept}
end

function operations.usage()
  return {total('handle_bytes') + total('frame_bytes'), call('ZCARD', key('expiry')),
    total('frames')}
end

return operations[operation](unpack(ARGV, FIRST, math.min(#ARGV, FIRST + 7)))
