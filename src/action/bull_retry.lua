-- Puts failed jobs of one BullMQ queue (layout 5 or 6) back to where a worker takes them.
-- KEYS: 1 meta, 2 failed, 3 wait, 4 paused, 5 active, 6 marker, 7 events, 8 prioritized, 9 pc, 10 and on: the jobs
-- ARGV: 1 major version, 2 and on: the jobs' ids
-- Answers: moved, gone, not failed any more, of a flow, and the layout's version when it is not the one expected.
local major = ARGV[1]
local meta = redis.call("HMGET", KEYS[1], "version", "paused", "concurrency", "opts.maxLenEvents")
if meta[1] and string.match(meta[1], "^bullmq:(%d+)%.") ~= major then
  return {0, 0, 0, 0, meta[1]}
end
local paused = meta[2]
local target = KEYS[3]
if paused and major == "5" then target = KEYS[4] end
local maxed = meta[3] and redis.call("LLEN", KEYS[5]) >= tonumber(meta[3])
local most = meta[4] or 10000
local moved, gone, other, flow = 0, 0, 0, 0
for i = 2, #ARGV do
  local id, key = ARGV[i], KEYS[8 + i]
  local job = redis.call("HMGET", key, "timestamp", "parentKey", "priority")
  if not job[1] then
    gone = gone + 1
  elseif job[2] then
    flow = flow + 1
  elseif redis.call("ZREM", KEYS[2], id) == 0 then
    other = other + 1
  else
    redis.call("HDEL", key, "finishedOn", "processedOn", "failedReason")
    local priority = tonumber(job[3] or "0") or 0
    if priority > 0 then
      -- The order within a priority is a counter, as the library itself keeps it.
      local counter = redis.call("INCR", KEYS[9])
      redis.call("ZADD", KEYS[8], priority * 4294967296 + counter % 4294967296, id)
    else
      redis.call("LPUSH", target, id)
    end
    redis.call("XADD", KEYS[7], "MAXLEN", "~", most, "*", "event", "waiting", "jobId", id, "prev", "failed")
    moved = moved + 1
  end
end
-- Without the marker an idle worker of version 5 and later sleeps on.
if moved > 0 and not paused and not maxed then
  redis.call("ZADD", KEYS[6], 0, "0")
end
return {moved, gone, other, flow, ""}
