#!/bin/bash
# calls_flows.sh - call flows that neither SIPp nor sipcall has, by script (flows/*.flow), both legs at once: PRACK
# in every pairing, UPDATE, glare, holding, forks, CANCEL races, Replaces, session timers, digest; over each transport.
. "$(dirname "$0")/flows_lib.sh"
FLOWS_PROFILES='digest: {headers: {challenges: true}}'
open_flows

# pair TRANSPORT-A TRANSPORT-B: every script, each of them four times at once.
pair() {
	local name=$1-$2 scripts
	scripts=$(ls "$FLOWS"/*.flow)
	flows_config "$2"
	report "$name/start" start_signaling
	# shellcheck disable=SC2086 # names of ours
	report "$name/flows" flow "$name" "$1" "$2" --count 4 --rate 100 --prefix d $scripts
	report "$name/no call is left" nothing_left
	report "$name/stop" stop_signaling
}

for pair in ${*:-udp-udp tcp-tls tls-udp wss-tls ws-ws udp-wss}; do
	pair "${pair%-*}" "${pair#*-}"
done
[ $failed = 0 ] || LOG_LINES=15 show_logs
exit $failed
