-- Pauses or resumes one BullMQ queue (layout 5 or 6), as its own library does.
-- KEYS: 1 meta, 2 wait, 3 paused, 4 marker, 5 events, 6 prioritized, 7 delayed
-- ARGV: 1 major version, 2 "paused" or "resumed"
-- Answers: 1 done, 0 it was so already; how many jobs are still held; the layout's version when it is another.
local major, to = ARGV[1], ARGV[2]
local meta = redis.call("HMGET", KEYS[1], "version", "paused")
if meta[1] and string.match(meta[1], "^bullmq:(%d+)%.") ~= major then
  return {0, 0, meta[1]}
end
local is = meta[2]
local rest = 0
if to == "paused" then
  if is then return {0, 0, ""} end
  -- Until version 5 waiting jobs are held in a list of their own; 6 leaves them where they are.
  if major == "5" and redis.call("EXISTS", KEYS[2]) == 1 then
    redis.call("RENAME", KEYS[2], KEYS[3])
  end
  redis.call("HSET", KEYS[1], "paused", 1)
  redis.call("DEL", KEYS[4])
else
  local held = redis.call("LLEN", KEYS[3])
  if not is and held == 0 then return {0, 0, ""} end
  redis.call("HDEL", KEYS[1], "paused")
  if held > 0 then
    if redis.call("EXISTS", KEYS[2]) == 0 then
      redis.call("RENAME", KEYS[3], KEYS[2])
    else
      -- Bounded, so that nobody waits for it: the rest at the next time.
      local jobs = redis.call("LRANGE", KEYS[3], 0, 6999)
      redis.call("RPUSH", KEYS[2], unpack(jobs))
      redis.call("LTRIM", KEYS[3], #jobs, -1)
      rest = redis.call("LLEN", KEYS[3])
    end
  end
  if redis.call("LLEN", KEYS[2]) + redis.call("ZCARD", KEYS[6]) > 0 then
    redis.call("ZADD", KEYS[4], 0, "0")
  else
    local next = redis.call("ZRANGE", KEYS[7], 0, 0, "WITHSCORES")[2]
    if next then redis.call("ZADD", KEYS[4], tonumber(next) / 4096, "1") end
  end
end
redis.call("XADD", KEYS[5], "*", "event", to)
return {1, rest, ""}
