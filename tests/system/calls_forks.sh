#!/bin/bash
# calls_forks.sh - a called side that forks, seen by a caller whose profile says `forks: all`: an early dialog of its
# own for each, with PRACK, UPDATE and BYE in it (flows/forks/*.flow).
. "$(dirname "$0")/flows_lib.sh"
FLOWS_PROFILES='all: {flow: {forks: all}}'
FLOWS_CALLER=all
open_flows

pair() {
	local name=$1-$2
	flows_config "$2"
	report "$name/start" start_signaling
	report "$name/flows" flow "$name" "$1" "$2" --count 4 --rate 50 --prefix x "$FLOWS"/forks/*.flow
	report "$name/no call is left" nothing_left
	report "$name/stop" stop_signaling
}

for pair in ${*:-udp-udp tls-wss}; do
	pair "${pair%-*}" "${pair#*-}"
done
[ $failed = 0 ] || LOG_LINES=15 show_logs
exit $failed
