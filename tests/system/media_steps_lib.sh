# media_steps_lib.sh - what media_xdp.sh and media_packet.sh do, for the port kind in KIND.
. "$(dirname "${BASH_SOURCE[0]}")/media_lib.sh"
lab_open

expect_whole() { # NAME PACKETS: both directions, nothing lost, doubled, damaged or answered by ICMP
	local direction field
	for direction in a-b b-a; do
		check "$1 $direction received" "$(figure "$1" $direction received)" -eq "$2"
		for field in doubled foreign damaged errors; do
			check "$1 $direction $field" "$(figure "$1" $direction $field)" -eq 0
		done
	done
}

# As SIP between the same hosts does before any RTP: next hops are resolved.
warm() {
	for ip in 10.91.0.2 10.92.0.2 fd91::2 fd92::2; do
		inside m bash -c "echo x >/dev/udp/$ip/9; sleep 0.1"
	done
}
warm

# IPv4 on both sides.
inject v44 2 0 10.91.0.2:40000 2 10.92.0.2:50000
read -r a4 b4 <"$DIR/v44"
media_start 0
pair plain4 500 500 10.91.0.2:40000 10.91.0.1:$a4 10.92.0.2:50000 10.92.0.1:$b4
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

# Killed and started again under traffic: the call resumes and nobody hears an ICMP error meanwhile.
# Whoever sends from a connected socket sees errors as "errors"; tcpdump sees them all.
(exec nsenter --net="/run/netns/$ID-a" -- tcpdump -l -n -i eth0 'icmp[0] == 3' >"$DIR/icmp" \
	2>"$DIR/tcpdump.log" </dev/null) &
tcpdump_pid=$!
pids+=("$tcpdump_pid")
disown "$tcpdump_pid"
for _ in $(seq 50); do grep -q listening "$DIR/tcpdump.log" && break; sleep 0.05; done
(sleep 1; media_kill KILL; sleep 0.7; media_start 1 >"$DIR/restart") &
restarter=$!
pair killed 2000 500 10.91.0.2:40000 10.91.0.1:$a4 10.92.0.2:50000 10.92.0.1:$b4
wait $restarter
media_pid=$(cat "$DIR/media.pid")
sleep 0.2
kill "$tcpdump_pid"
for direction in a-b b-a; do
	check "killed $direction gap_ms was felt" "$(figure killed $direction gap_max_ms)" -ge 600
	check "killed $direction gap_ms" "$(figure killed $direction gap_max_ms)" -le 3000
	check "killed $direction doubled" "$(figure killed $direction doubled)" -eq 0
	check "killed $direction errors" "$(figure killed $direction errors)" -eq 0
done
check killed_icmp "$(grep -c ICMP "$DIR/icmp")" -eq 0
pair after 500 500 10.91.0.2:40000 10.91.0.1:$a4 10.92.0.2:50000 10.92.0.1:$b4
expect_whole after 500
[ "$KIND" = xdp ] && check stale_program_was_detached \
	"$(grep -c stale_xdp_program_detached "$DIR/media.log")" -eq 2

# Another signaling with a new file: media follows it. IPv6 to IPv6, then IPv6 to IPv4.
kill "$inject_pid"
while kill -0 "$inject_pid" 2>/dev/null; do sleep 0.02; done
rm -f "$SHM/signaling.seg"
inject v66 1 1 '[fd91::2]:40000' 3 '[fd92::2]:50000'
read -r a6 b6 <"$DIR/v66"
for _ in $(seq 60); do grep -q signaling_file_replaced "$DIR/media.log" && break; sleep 0.05; done
sleep 0.5
warm
pair plain6 500 500 '[fd91::2]:40000' "[fd91::1]:$a6" '[fd92::2]:50000' "[fd92::1]:$b6"
expect_whole plain6 500
kill "$inject_pid"
while kill -0 "$inject_pid" 2>/dev/null; do sleep 0.02; done
rm -f "$SHM/signaling.seg"
inject v64 1 1 '[fd91::2]:40000' 2 10.92.0.2:50000
read -r a6 b4 <"$DIR/v64"
sleep 0.7
pair mixed 500 500 '[fd91::2]:40000' "[fd91::1]:$a6" 10.92.0.2:50000 10.92.0.1:$b4
expect_whole mixed 500

# A clean stop leaves neither program nor rules.
media_kill TERM
check clean_stop_rules "$(inside m nft list ruleset | wc -l)" -eq 0
check clean_stop_program "$(inside m ip link show | grep -c xdp)" -eq 0
finish
