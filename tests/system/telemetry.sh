# telemetry.sh - what DPDK's own tool tells of the lanes agrees with muga show media.
. "$(dirname "$0")/lib.sh"
need jq dpdk-telemetry.py
open_muga

# dpdk-telemetry.py takes commands from its input and answers each by one line of JSON.
ask() { # COMMAND FILTER
	RUNTIME_DIRECTORY=$LAB_DIR/run timeout 10 dpdk-telemetry.py -f muga-media <<<"$1" | jq -r "$2"
}

call_through calls peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 20 --rate 20 --hold 500
expect_clean calls 20
lanes=$(ask /muga/lanes '."/muga/lanes".lanes')
expect "lanes" "$lanes" -eq "$(lab_muga show cores --interval 10 --json | jq '.lanes | length')"

# agrees COUNTER: of all lanes, which publish their counters ten times a second; its value in $told.
agrees() {
	local lane
	told=0
	for ((lane = 0; lane < lanes; lane++)); do
		told=$((told + $(ask /muga/lane,$lane ".\"/muga/lane\".$1")))
	done
	[ "$told" = "$(lab_muga show media --json | jq "[.lanes[].$1] | add")" ]
}
for counter in received latched dropped_wrong_source forwarded; do
	lab_wait_for 5 agrees $counter || fail "$counter is $told to DPDK, something else to muga show media"
done
expect "packets forwarded" "$told" -ge "$(json "$LAB_DIR/calls.json" .sent)"
expect "a lane that is none" "$(ask "/muga/lane,$lanes" '."/muga/lane"')" = null
for word in '' x 1x -1 99999999999999999999; do
	expect "lane '$word'" "$(ask "/muga/lane,$word" '."/muga/lane"')" = null
done
# DPDK's own commands are there too.
expect "ports of DPDK" "$(ask /ethdev/list '."/ethdev/list" | length')" -ge 1
