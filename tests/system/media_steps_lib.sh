# media_steps_lib.sh - what media_xdp.sh and media_packet.sh do, for the port kind in KIND.
. "$(dirname "${BASH_SOURCE[0]}")/media_lib.sh"
lab_open

a4=10.91.0.2:40000 b4=10.92.0.2:50000
a6='[fd91::2]:40000' b6='[fd92::2]:50000'

expect_whole() { # NAME PACKETS: both directions, nothing lost, doubled, damaged or answered by ICMP
	local direction field
	for direction in a-b b-a; do
		check "$1 $direction received" "$(figure "$1" $direction received)" -eq "$2"
		for field in doubled foreign damaged errors; do
			check "$1 $direction $field" "$(figure "$1" $direction $field)" -eq 0
		done
	done
}

media_turns() { grep -c ' media_addresses ' "$DIR/media.log"; }

# Another signaling with a new file: media lets go of the old one and follows.
replace_signaling() { # NAME ADDRESS-A REMOTE-A ADDRESS-B REMOTE-B
	local turns
	turns=$(media_turns)
	inject_end
	inject "$1" 1 "$2" "$3" "$4" "$5"
	for _ in $(seq 300); do
		[ "$(media_turns)" -gt "$turns" ] && break
		sleep 0.02
	done
	sleep 0.2 # lanes have looked at the new table: what comes now they must be told
	inject_publish "$1"
}

# Killed and started again under traffic: the call resumes and nobody hears an ICMP error meanwhile.
# Whoever sends from a connected socket sees errors as "errors"; tcpdump sees them all.
kill_under_traffic() { # NAME STARTS A-OWN A-PEER B-OWN B-PEER
	local name=$1 starts=$2 tcpdump_pid direction killed_ms away_ms
	shift 2
	(exec nsenter --net="/run/netns/$ID-a" -- tcpdump -l -n -i eth0 \
		'icmp[0] == 3 or (icmp6 and ip6[40] == 1)' >"$DIR/$name.icmp" \
		2>"$DIR/tcpdump.log" </dev/null) &
	tcpdump_pid=$!
	pids+=("$tcpdump_pid")
	disown "$tcpdump_pid"
	for _ in $(seq 50); do grep -qs listening "$DIR/tcpdump.log" && break; sleep 0.05; done
	# Traffic goes on until the calls have resumed, however long the start takes here.
	pair_start "$name" 30000 500 "$@"
	sleep 0.5
	killed_ms=$(date +%s%3N)
	media_kill KILL
	sleep 0.7
	media_start "$starts" >"$DIR/restart"
	away_ms=$(($(date +%s%3N) - killed_ms))
	sleep 0.7
	kill -TERM "$pair_pid"
	wait "$pair_pid"
	sleep 0.2
	kill "$tcpdump_pid"
	for direction in a-b b-a; do
		check "$name $direction gap_ms was felt" "$(figure "$name" $direction gap_max_ms)" -ge 600
		check "$name $direction gap_ms" "$(figure "$name" $direction gap_max_ms)" -le $((away_ms + 700))
		check "$name $direction doubled" "$(figure "$name" $direction doubled)" -eq 0
		check "$name $direction errors" "$(figure "$name" $direction errors)" -eq 0
	done
	check "$name icmp" "$(grep -c ICMP "$DIR/$name.icmp")" -eq 0
	pair "$name.after" 250 500 "$@"
	expect_whole "$name.after" 250
	[ "$KIND" = xdp ] && check "$name stale_program_was_detached" \
		"$(grep -c stale_xdp_program_detached "$DIR/media.log")" -eq $((2 * starts))
}

# IPv4 on both sides. Nobody has spoken to muga before: the hint that the flow is there has its next hops
# resolved before the first packet.
inject v44 2 0 $a4 2 $b4
media_start 0
inject_publish v44
pair plain4 500 500 $a4 10.91.0.1:$left $b4 10.92.0.1:$right
expect_whole plain4 500

# A second instance must refuse while the first one serves.
if inside m timeout 20 "$MUGA_BUILD/media/muga-media" --config "$DIR/muga.yaml" --foreground \
	>"$DIR/second.log" 2>&1 </dev/null; then
	not_ok second_instance "did not refuse"
else
	check second_instance "$(grep -c another_instance "$DIR/second.log")" -eq 1
fi
# The kernel keeps everything else on the same addresses: it refuses what is no media port.
kernel_answer=$(inside a bash -c 'exec 3>/dev/udp/10.91.0.1/19998; echo x >&3; sleep 0.2; echo x >&3' 2>&1)
check kernel_answers "$(grep -c refused <<<"$kernel_answer")" -eq 1

kill_under_traffic killed4 1 $a4 10.91.0.1:$left $b4 10.92.0.1:$right

replace_signaling v66 1 "$a6" 3 "$b6"
pair plain6 500 500 "$a6" "[fd91::1]:$left" "$b6" "[fd92::1]:$right"
expect_whole plain6 500
kill_under_traffic killed6 2 "$a6" "[fd91::1]:$left" "$b6" "[fd92::1]:$right"

replace_signaling v64 1 "$a6" 2 $b4
pair mixed 250 500 "$a6" "[fd91::1]:$left" $b4 10.92.0.1:$right
expect_whole mixed 250

# A clean stop leaves neither program nor rules.
media_kill TERM
check clean_stop_rules "$(inside m nft list ruleset | wc -l)" -eq 0
check clean_stop_program "$(inside m ip link show | grep -c xdp)" -eq 0

# Flows that are there before media starts: found by the look that a start takes.
inject_end
ip -n "$ID-m" neigh flush all
inject early 1 0 $a4 2 $b4 early
inject_ready early
media_start 3
pair found 250 500 $a4 10.91.0.1:$left $b4 10.92.0.1:$right
expect_whole found 250
finish
