#!/bin/bash
# calls_load.sh - hundreds of calls over TLS and WebSockets, each with a connection of its own that is closed and broken
# in the call: none fails, and no connection, call or descriptor stays.
. "$(dirname "$0")/flows_lib.sh"
open_flows

descriptors() { ls "/proc/$signaling/fd" | wc -l; }
descriptors_left() { [ "$(descriptors)" -le "$1" ]; }
streams_left() { [ "$(metric .net.stream_connections)" -le "$1" ]; }

# load TRANSPORT-A TRANSPORT-B CALLS: of each script.
load() {
	local name=$1-$2 before
	flows_config "$2"
	report "$name/start" start_signaling
	before=$(descriptors)
	report "$name/$(($3 * 2)) calls" flow "$name" "$1" "$2" --count "$3" --rate 100 "$FLOWS"/load/*.flow
	# Each caller of a stream dials once, and twice more where it loses its connection.
	report "$name/connections" test "$(jq .dialled "$dir/$name.json")" -ge "$(($3 * 4))"
	report "$name/nobody expected" test "$(jq .strays "$dir/$name.json")" = 0
	report "$name/no call is left" nothing_left
	# The generator is gone, and its connections with it.
	report "$name/no connection is left" wait_for 10 streams_left 0
	report "$name/no descriptor is left" wait_for 5 descriptors_left "$before"
	report "$name/stop" stop_signaling
}

load tls tls 150
load wss udp 150
load ws wss 100
[ $failed = 0 ] || LOG_LINES=15 show_logs
exit $failed
