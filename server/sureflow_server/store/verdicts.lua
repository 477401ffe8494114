-- The verdicts of all servers inside Redis. Every call of it is one script, hence atomic.
--
-- KEYS[1]  what all keys begin with
-- ARGV     operation, the operation's own arguments
--
-- <prefix>verdict_streams:<model>  set: the streams of which there are verdicts
-- <prefix>verdicts:<model>:<stream> hash: "<sample> <reviewer>" -> the verdict, as JSON
-- <prefix>verdict_count            how many there are
-- <prefix>draws:<stream>           hash: number of a draw -> how unsure the model was of it
-- <prefix>offers:<stream>          hash: number of a draw -> until when it is before whom
-- <prefix>withdrawn                hash: version of a certificate -> why it does not hold
-- <prefix>served:<version>         hash: kind of sample -> how many were served with that calibration
-- <prefix>successors               hash: model -> version of its calibration, and those before it
-- <prefix>calibrations             hash: model -> its calibration, as a file has it

local call = redis.call
local prefix, operation = KEYS[1], ARGV[1]

local function count()
  local number = tonumber(call('GET', prefix .. 'verdict_count') or 0)
  return number and math.abs(number) <= 2 ^ 53 and number or 0
end

local function hash(model, stream) return prefix .. 'verdicts:' .. model .. ':' .. stream end

local operations = {}

-- most, then for each: model, stream, field, and the verdict, or '' to take it back. Nobody sends more
-- than a few hundred.
function operations.put()
  local new, gone = 0, 0
  for i = 3, #ARGV, 4 do
    local there = call('HEXISTS', hash(ARGV[i], ARGV[i + 1]), ARGV[i + 2])
    if ARGV[i + 3] == '' then gone = gone + there else new = new + 1 - there end
  end
  local total = count() + new - gone
  if new > gone and total > tonumber(ARGV[2]) then return 'full' end
  for i = 3, #ARGV, 4 do
    local key = hash(ARGV[i], ARGV[i + 1])
    if ARGV[i + 3] == '' then
      call('HDEL', key, ARGV[i + 2])
    else
      call('HSET', key, ARGV[i + 2], ARGV[i + 3])
      call('SADD', prefix .. 'verdict_streams:' .. ARGV[i], ARGV[i + 1])
    end
  end
  call('SET', prefix .. 'verdict_count', string.format('%d', math.max(total, 0)))
  return 'kept'
end

-- stream, number of the first draw, then how unsure the model was of each
function operations.extend()
  for i = 4, #ARGV do
    call('HSETNX', prefix .. 'draws:' .. ARGV[2], string.format('%d', ARGV[3] + i - 4), ARGV[i])
  end
  return 'kept'
end

-- stream, who looks, now, until when, then the numbers of the draws; returns those that nobody else has
function operations.offer()
  local key, free = prefix .. 'offers:' .. ARGV[2], {}
  for i = 6, #ARGV do
    local till, who = string.match(call('HGET', key, ARGV[i]) or '', '^(%S+) (.*)$')
    if not till or who == ARGV[3] or (tonumber(till) or 0) <= tonumber(ARGV[4]) then
      call('HSET', key, ARGV[i], ARGV[5] .. ' ' .. ARGV[3])
      table.insert(free, ARGV[i])
    end
  end
  return table.concat(free, ' ')
end

-- version of a certificate, why it does not hold
function operations.withdraw()
  return call('HSET', prefix .. 'withdrawn', ARGV[2], ARGV[3]) == 1 and 'new' or 'kept'
end

-- version of a certificate
function operations.restore()
  return call('HDEL', prefix .. 'withdrawn', ARGV[2]) == 1 and 'gone' or 'kept'
end

-- version of a calibration, then kinds of samples and how many more of each were served. Counts of models
-- that nobody serves any more go after a year.
function operations.count()
  local key = prefix .. 'served:' .. ARGV[2]
  for i = 3, #ARGV, 2 do call('HINCRBY', key, ARGV[i], ARGV[i + 1]) end
  call('EXPIRE', key, 366 * 86400)
  return 'kept'
end

-- model, version of its calibration, the calibration, then the versions of those that it is in place of.
-- What the one before was in place of, this one is too.
function operations.succeed()
  local words, seen, key = {ARGV[3]}, {[ARGV[3]] = true}, prefix .. 'successors'
  local function add(version)
    if not seen[version] and #words <= 100 then
      seen[version] = true
      table.insert(words, version)
    end
  end
  for i = 5, #ARGV do add(ARGV[i]) end
  local before = string.gmatch(call('HGET', key, ARGV[2]) or '', '%S+')
  local last = before()
  if last and seen[last] then
    for version in before do add(version) end
  end
  call('HSET', key, ARGV[2], table.concat(words, ' '))
  call('HSET', prefix .. 'calibrations', ARGV[2], ARGV[4])
  return 'kept'
end

return operations[operation]()
