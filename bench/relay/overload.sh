# overload.sh - what a relay does with more than it can carry; sourced by bench/relay/run after a search, which
# left the rate carried in $carried.
OVERLOAD_SHARE=10 OVERLOAD_FLOOD_PPS=50000 OVERLOAD_FLOOD_S=3

# overload: adds "arrived_2x", "arrived_4x" (parts of the rate carried), "neighbour_loss", "after_flood_loss"
# to the last line of results.
overload() {
	local x2 x4 neighbours after is_limited=false
	x2=$(arrived_of $((carried * 2)))
	x4=$(arrived_of $((carried * 4)))
	# What fits beside the flood's own stream must arrive: the relay may give that one nothing.
	trial $((carried / 2)) --flood $OVERLOAD_FLOOD_PPS
	note_trial "half the rate beside a stream at $OVERLOAD_FLOOD_PPS/s"
	neighbours=$(of_trial '.lost / .sent')
	local quiet_seconds=$seconds
	seconds=$OVERLOAD_FLOOD_S
	trial $RATE_MAX
	note_trial "all that can be sent"
	seconds=$quiet_seconds
	trial $((carried / 2))
	note_trial "half the rate afterwards"
	after=$(of_trial '.lost / .sent')
	[ "$(of_trial .is_generator_limited)" = false ] || is_limited=true
	tail -n 1 "$results" >"$LAB_DIR/last.json"
	sed -i '$d' "$results"
	jq -c --argjson x2 "$x2" --argjson x4 "$x4" --argjson neighbours "$neighbours" \
		--argjson after "$after" --argjson limited $is_limited '. + {arrived_2x: $x2, arrived_4x: $x4,
		neighbour_loss: $neighbours, after_flood_loss: $after,
		limited_by_generator: (.limited_by_generator or $limited)}' "$LAB_DIR/last.json" >>"$results"
}

# arrived_of RATE: what arrives of it in a second, as a part of the rate carried. Where the generator ends
# before that rate, the offer is smaller, and named.
arrived_of() {
	trial "$1"
	note_trial "$1/s"
	of_trial ".received / .sent * .sent_pps / $carried"
}

note_trial() {
	printf '    %s: %s/s sent, lost %s of %s\n' "$1" "$(of_trial .sent_pps)" "$(of_trial .lost)" \
		"$(of_trial .sent)" >&2
}
