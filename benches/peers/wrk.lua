-- Prints what scripts/bench keeps of a run: requests a second, p50, p99 and p99.9 in microseconds, and
-- the number of requests.
-- A run with any other answer than 200 is none.
--
-- With a file of tokens, one a line, as its argument, each request has the next of them: written beforehand,
-- so that it costs the load next to nothing.

function init(arguments)
   if not arguments[1] then
      return
   end
   local requests, at = {}, 0
   for token in io.lines(arguments[1]) do
      wrk.headers["x-moltin-customer-token"] = token
      requests[#requests + 1] = wrk.format()
   end
   request = function()
      at = at % #requests + 1
      return requests[at]
   end
end

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
