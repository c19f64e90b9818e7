# calls_tcp.sh - SIPp calls over TCP, one connection for all calls and one for each, by both workers.
. "$(dirname "$0")/lib.sh"
. "$here/stream_lib.sh"
need sipp jq
open_streams

start_uas
# SIPp's t1 is one connection for all calls: whoever accepted it hands half of them to the other worker.
tcp_calls one "$LAB_PEER_A4" "$LAB_MUGA_A4" t1 200
expect "messages passed between workers" "$(net_metric passed)" -gt 0
expect "messages posted to a connection's worker" "$(net_metric send_posted)" -gt 0
expect "connections accepted for one" "$(net_metric stream_accepted)" -eq 1

# tn is one for each call, so both workers have some.
tcp_calls each "$LAB_PEER_A4" "$LAB_MUGA_A4" tn 200
tcp_calls v6 "[$LAB_PEER_A6]" "[$LAB_MUGA_A6]" t1 50

# Nothing is left behind.
lab_wait_for 10 streams_gone || fail "connections left: $(net_metric stream_connections)"
expect "calls left" "$(calls_alive)" -eq 0
expect "messages without an owner" "$(net_metric lost_owner)" -eq 0
expect "messages that a ring could not take" "$(net_metric ring_full)" -eq 0
