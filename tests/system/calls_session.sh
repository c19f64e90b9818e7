#!/bin/bash
# calls_session.sh - session timers by the clock (RFC 4028), by script (flows/session): refreshed by Muga with UPDATE and
# re-INVITE, by either side, by nobody; intervals that are raised. All calls at once, since 90 s are the least.
# run: first
. "$(dirname "$0")/flows_lib.sh"
FLOWS_PROFILES='timers: {flow: {session_timer: {mode: require, expires: 90s}}}'
open_flows
flows_config tls
report start start_signaling
report "timers" flow timers udp tls --count 2 --prefix t --patience 25000 "$FLOWS"/session/*.flow
report "expired" test "$(muga show calls --ended --json |
	jq '[.calls[] | select(.cause == "session-expired")] | length')" = 2
report "no call is left" nothing_left
report stop stop_signaling
[ $failed = 0 ] || LOG_LINES=15 show_logs
exit $failed
