-- Prints what scripts/bench keeps of a run: requests a second, p50, p99 and p99.9 in microseconds, and
-- the number of requests.
-- A run with any other answer than 200 is none.

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   if failed > 0 then
      io.stderr:write(failed .. " requests failed\n")
      return
   end
   io.write(string.format("figures %.1f %d %d %d %d\n", summary.requests / summary.duration * 1e6,
      latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
      summary.requests))
end
