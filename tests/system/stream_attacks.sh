# stream_attacks.sh - strangers on TCP and TLS while calls run by UDP: no call suffers, nothing stays.
# run: alone
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq openssl python3
STREAM_LIMITS='{ per_source: 300, message_timeout: 3s, handshake_timeout: 3s, buffers_per_source: 2MiB }'
open_streams
attack() { lab_exec rogue python3 "$here/tools/streamattack.py" "$@"; }
resident() { awk '/^VmRSS/ { print $2 }' "/proc/$(muga_pid)/status"; }
muga_pid() { pgrep -f "muga-signaling --config $LAB_DIR/muga.yaml" | head -n 1; }
descriptors() { ls "/proc/$(muga_pid)/fd" | wc -l; }

start_uas
tcp_calls before "$LAB_PEER_A4" "$LAB_MUGA_A4" u1 50
before_fds=$(descriptors) before_kb=$(resident)

# 10,000 connections that speak no SIP: closed, one and all.
attack garbage "$LAB_MUGA_A4" 5060 10000 7 >"$LAB_DIR/garbage.log" ||
	fail "the attacker gave up"
expect "garbage connections over" "$(json "$LAB_DIR/garbage.log" .done)" -eq 10000
lab_wait_for 10 streams_gone || fail "connections left: $(net_metric stream_connections)"
expect "descriptors left behind" $(($(descriptors) - before_fds)) -le 0
expect "kilobytes left behind" $(($(resident) - before_kb)) -le 8192
expect "calls made by garbage" "$(calls_alive)" -eq 0

# Slow messages: none lives longer than its deadline, whatever drips in.
attack loris "$LAB_MUGA_A4" 5060 250 6 >"$LAB_DIR/loris.log"
expect "slow connections opened" "$(json "$LAB_DIR/loris.log" .opened)" -eq 250
expect "slow connections that lived on" "$(json "$LAB_DIR/loris.log" .left)" -eq 0

# More than one source may have: the rest is refused, others get in.
attack loris "$LAB_MUGA_A4" 5060 400 4 >"$LAB_DIR/many.log" &
sleep 1
expect "connections of one source" "$(net_metric stream_connections)" -le 300
tcp_calls beside "$LAB_PEER_A4" "$LAB_MUGA_A4" t1 20
wait $!
expect "connections refused" "$(net_metric stream_refused_source)" -ge 100

# A storm of TLS handshakes while calls are set up by UDP: each call answered at once, no retransmission.
attack storm "$LAB_MUGA_A4" 5061 100 8 >"$LAB_DIR/storm.log" &
storm=$!
sleep 1
tcp_calls storm "$LAB_PEER_A4" "$LAB_MUGA_A4" u1 200 -trace_stat -stf "$LAB_DIR/storm.csv" -fd 1
wait $storm
retransmitted=$(awk -F';' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "Retransmissions(C)") at = i }
	END { print at ? $at : "none" }' "$LAB_DIR/storm.csv")
expect "handshakes of the storm" "$(json "$LAB_DIR/storm.log" .shaken)" -ge 200
expect "retransmissions of the calls" "$retransmitted" -eq 0

lab_wait_for 15 streams_gone || fail "connections left: $(net_metric stream_connections)"
expect "descriptors left behind" $(($(descriptors) - before_fds)) -le 0
lab_is_alive muga-signaling || fail "muga-signaling died"
