# nat.sh - a telephone behind an address-and-port-dependent NAT: its SDP names a private address, media
# flows both ways once its first packet has shown where it is.
. "$(dirname "$0")/lib.sh"
need jq
open_muga

# One call, counted: what the caller sends arrives to the last packet. What the callee sends before the
# caller is known has nowhere to go, so only the tail is checked in that direction.
nat_call() { # NAME FROM-IP BORDER TO-IP PREFIX
	call_through "$1" phone-a "$2" phone-b "$4" "$3" --calls 20 --rate 20 --hold 4000 \
		${5:+--prefix "$5"}
	cp "$LAB_DIR/$1.json" "$LAB_DIR/$1.report.log"
	expect "$1: answered calls" "$(json "$LAB_DIR/$1.json" .answered)" -eq 20
	expect "$1: calls not ended by 200" "$(json "$LAB_DIR/$1.json" .bye_failed)" -eq 0
	expect "$1: streams never heard" "$(json "$LAB_DIR/$1.json" .deaf_streams)" -eq 0
	expect "$1: packets lost in the last second" "$(json "$LAB_DIR/$1.json" .tail_lost)" -eq 0
	expect "$1: foreign packets" "$(json "$LAB_DIR/$1.json" .foreign)" -eq 0
	expect "$1: packets lost" "$(json "$LAB_DIR/$1.json" .lost)" -le 100
}

nat_call nat-v4 $LAB_PHONE_A4 $LAB_MUGA_A4 $LAB_PHONE_B4
nat_call nat-v6 $LAB_PHONE_A6 $LAB_MUGA_A6 $LAB_PHONE_B6 6

# The one-way caller is heard by the callee from its very first packet.
call_through one-way phone-a $LAB_PHONE_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 10 --rate 20 \
	--hold 2000 --one-way
expect_clean one-way 10
