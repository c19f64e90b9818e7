# kill_media.sh - kill -9 of muga-media and its start again: the calls resume, and the telephones never see
# an ICMP unreachable in between.
. "$(dirname "$0")/lib.sh"
need jq tcpdump
open_muga
start_capture icmp-a peer-a eth0 'icmp[0] == 3 or (icmp6 and ip6[40] == 1)'
start_capture icmp-b phone-b eth0 'icmp[0] == 3 or (icmp6 and ip6[40] == 1)'

run_calls() { # NAME FROM BORDER TO [PREFIX]
	local media
	call_through "$1" peer-a "$2" phone-b "$4" "$3" --calls 10 --rate 20 --hold 10000 \
		${5:+--prefix "$5"} &
	local caller=$!
	sleep 2.5
	lab_stop muga-media KILL
	sleep 0.5
	lab_start_media || fail "muga-media did not start again"
	wait $caller
	local file=$LAB_DIR/$1.json
	cp "$file" "$LAB_DIR/$1.report.log"
	expect "$1: answered calls" "$(json "$file" .answered)" -eq 10
	expect "$1: calls not ended by 200" "$(json "$file" .bye_failed)" -eq 0
	expect "$1: streams never heard" "$(json "$file" .deaf_streams)" -eq 0
	expect "$1: packets lost in the last second" "$(json "$file" .tail_lost)" -eq 0
	# The kill must have been felt, else this scenario proves nothing.
	expect "$1: longest silence in ms" "$(json "$file" .gap_max_ms)" -ge 300
	expect "$1: longest silence in ms" "$(json "$file" .gap_max_ms)" -le 5000
	expect "$1: foreign packets" "$(json "$file" .foreign)" -eq 0
}

run_calls v4 $LAB_PEER_A4 $LAB_MUGA_A4 $LAB_PHONE_B4
run_calls v6 $LAB_PEER_A6 $LAB_MUGA_A6 $LAB_PHONE_B6 6
lab_stop icmp-a INT
lab_stop icmp-b INT
expect "ICMP unreachable at the caller" "$(captured icmp-a)" -eq 0
expect "ICMP unreachable at the callee" "$(captured icmp-b)" -eq 0
