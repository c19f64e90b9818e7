# rtp_spray.sh - a stranger sprays RTP and RTCP over all ports of the range during calls, in each latching mode:
# it gets nothing, it injects nothing, counted by itself and by the victims, and the calls lose nothing.
# run: alone
. "$(dirname "$0")/lib.sh"
need jq tcpdump
LAB_PORT_MAX=20999
LAB_LATCHING=proof
open_muga

# The callers send from the first moment; an attacker that is faster than the caller's first packet is
# probation's business (unit tests of the latch stage).
spray() { # NAME FROM BORDER TO STRANGER-TARGET [PREFIX]
	call_through "$1" peer-a "$2" phone-b "$4" "$3" --calls 20 --rate 40 --hold 6000 \
		${6:+--prefix "$6"} &
	local caller=$!
	sleep 1.5
	start_capture "stranger-$1" rogue eth0 udp portrange 1024-65535 and src "$5"
	lab_exec rogue "$(muga_program rtp-spray)" "$5" $LAB_PORT_MIN $LAB_PORT_MAX 2 \
		>"$LAB_DIR/spray-$1.log" || fail "$1: rtp-spray failed"
	wait $caller
	lab_stop "stranger-$1" INT
	expect_clean "$1" 20
	expect "$1: packets of the stranger" "$(json "$LAB_DIR/spray-$1.log" .sent)" -ge 1000
	expect "$1: answers to the stranger" "$(json "$LAB_DIR/spray-$1.log" .answers)" -eq 0
	expect "$1: packets towards the stranger" "$(captured "stranger-$1" dst port not 5060)" -eq 0
}

spray v4 $LAB_PEER_A4 $LAB_MUGA_A4 $LAB_PHONE_B4 $LAB_MUGA_A4
spray v6 $LAB_PEER_A6 $LAB_MUGA_A6 $LAB_PHONE_B6 $LAB_MUGA_A6 6

# What was learned once stays, and what must be as signaled is.
for mode in once strict; do
	lab_stop muga-signaling
	lab_stop muga-media
	sed -i "s/latching: [a-z]*/latching: $mode/" "$LAB_DIR/muga.yaml"
	lab_start_muga >/dev/null || fail "$mode: Muga did not start"
	spray $mode $LAB_PEER_A4 $LAB_MUGA_A4 $LAB_PHONE_B4 $LAB_MUGA_A4
done
