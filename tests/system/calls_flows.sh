#!/bin/bash
# calls_flows.sh - call flows that neither SIPp nor sipcall has, by script (flows/*.flow), both legs at once: PRACK
# in every pairing, UPDATE, glare, holding, forks, CANCEL races, Replaces, session timers, digest; over each transport.
. "$(dirname "$0")/flows_lib.sh"
FLOWS_PROFILES='digest: {headers: {challenges: true}}'
open_flows

# pair TRANSPORT-A TRANSPORT-B: every script, each of them four times at once. Who challenges hears of a BYE before its
# sender does, so those scripts go by a trunk of their own.
pair() {
	local name=$1-$2
	flows_config "$2"
	report "$name/start" start_signaling
	report "$name/flows" flow "$name" "$1" "$2" --count 4 --rate 100 --prefix p "$FLOWS"/*.flow
	report "$name/digest" flow "$name-digest" "$1" "$2" --count 4 --rate 100 --prefix d "$FLOWS"/digest/*.flow
	report "$name/no call is left" nothing_left
	report "$name/stop" stop_signaling
}

for pair in ${*:-udp-udp tcp-tls tls-udp wss-tls ws-ws udp-wss}; do
	pair "${pair%-*}" "${pair#*-}"
done
[ $failed = 0 ] || LOG_LINES=15 show_logs
exit $failed
