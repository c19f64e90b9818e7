# topology.sh - neither side sees anything of the other: addresses, Call-ID, tags, branches, SDP origin.
. "$(dirname "$0")/lib.sh"
need tcpdump jq
open_muga
start_capture wire-a peer-a eth0 udp port 5060
start_capture wire-b phone-b eth0 udp port 5060
call_through seen peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 3 --hold 1000
expect_clean seen 3
lab_stop wire-a INT
lab_stop wire-b INT

for side in a b; do
	tcpdump -n -A -r "$LAB_DIR/wire-$side.pcap" 2>/dev/null >"$LAB_DIR/wire-$side.txt"
	expect "SIP messages at side $side" "$(grep -c 'SIP/2.0' "$LAB_DIR/wire-$side.txt")" -ge 15
done

# values HEADER FILE: of every message, sorted.
values() {
	grep -a "^$1: " "$2" | tr -d '\r' | sed "s/^$1: //" | sort -u
}

unseen() { # FILE TEXT WHAT
	! grep -a -q -F -- "$2" "$1" || fail "$3 ($2) shows: $(grep -a -F -m1 -- "$2" "$1")"
}

unseen "$LAB_DIR/wire-b.txt" $LAB_PEER_A4 "the caller's address"
unseen "$LAB_DIR/wire-b.txt" $LAB_MUGA_A4 "the access address"
unseen "$LAB_DIR/wire-a.txt" $LAB_PHONE_B4 "the callee's address"
unseen "$LAB_DIR/wire-a.txt" $LAB_MUGA_B4 "the core address"
for side in a b; do
	other=$([ $side = a ] && echo b || echo a)
	values Call-ID "$LAB_DIR/wire-$other.txt" >"$LAB_DIR/words"
	grep -a -o 'branch=[^;, ]*' "$LAB_DIR/wire-$other.txt" | tr -d '\r' | sort -u >>"$LAB_DIR/words"
	grep -a -o 'tag=[^;>, ]*' "$LAB_DIR/wire-$other.txt" | tr -d '\r' | sort -u >>"$LAB_DIR/words"
	expect "words to look for" "$(wc -l <"$LAB_DIR/words")" -ge 9
	while read -r word; do
		unseen "$LAB_DIR/wire-$side.txt" "$word" "a word of side $other at side $side"
	done <"$LAB_DIR/words"
done
