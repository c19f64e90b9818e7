# refusals.sh - what Muga does not do, and how it says so: 404 405 416 400 482 483, and 503 with Retry-After.
. "$(dirname "$0")/lib.sh"
need nc jq
# Two port pairs on each side: the third call at a time finds none.
LAB_PORT_MAX=20003
open_muga
id=0

# ask NAME STATUS SED-COMMAND...: the request, edited, is answered with STATUS.
ask() {
	local name=$1 status=$2 file=$LAB_DIR/$1.txt
	shift 2
	id=$((id + 1))
	sed -e "$1" "$here/requests/invite.txt" | sed -e "s/@USER@/c1/g; s/@BORDER@/$LAB_MUGA_A4/g" \
		-e "s/@LOCAL@/$LAB_PEER_A4/g; s/@ID@/refused$$x$id/g" >"$file"
	sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$file" >"$LAB_DIR/$name.log"
	got=$(grep -a '^SIP/2.0 [2-6]' "$LAB_DIR/$name.log" | head -n 1 | cut -d' ' -f2)
	[ "$got" = "$status" ] || fail "$name: answered by '${got:-nothing}', expected $status"
	[ "$status" != 400 ] || grep -a -q '^SIP/2.0 400 ..* ..*' "$LAB_DIR/$name.log" ||
		fail "$name: 400 gives no reason"
}

ask no-route 404 's/@USER@/nobody/g'
ask unknown-method 405 's/INVITE/DANCE/'
grep -a -q -i '^Allow: ..*INVITE' "$LAB_DIR/unknown-method.log" || fail "405 without Allow (RFC 3261 21.4.6)"
ask tel-uri 416 's/^INVITE sip:@USER@@@BORDER@/INVITE mailto:somebody@example.org/'
ask no-call-id 400 '/^Call-ID/d'
ask no-from 400 '/^From/d'
ask bad-cseq 400 's/^CSeq: 1 INVITE/CSeq: 1 BYE/'
ask too-many-hops 483 's/^Max-Forwards: 70/Max-Forwards: 0/'

# A loop: the request that Muga sends to the core comes back to it from there (RFC 3261 8.2.2.2: the same
# request by another path carries the same From tag, Call-ID and CSeq, with another branch).
start_capture loop phone-b eth0 udp port 5060
sed -e "s/@USER@/c1/g; s/@BORDER@/$LAB_MUGA_A4/g; s/@LOCAL@/$LAB_PEER_A4/g; s/@ID@/loop$$/g" \
	"$here/requests/invite.txt" >"$LAB_DIR/loop.txt"
sed -e 's/branch=z9hG4bK/branch=z9hG4bKother/' "$LAB_DIR/loop.txt" >"$LAB_DIR/loop-again.txt"
sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$LAB_DIR/loop.txt" >"$LAB_DIR/loop-first.log"
sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$LAB_DIR/loop-again.txt" >"$LAB_DIR/loop-again.log"
grep -a -q '^SIP/2.0 482' "$LAB_DIR/loop-again.log" || fail "a merged request is not answered by 482"

# Two calls hold all ports; the next are refused by 503 with Retry-After, and accepted when they are over.
call_through full peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 2 --rate 20 --hold 5000 &
caller=$!
sleep 1.5
call_through refused peer-a $LAB_PEER_A4,5070 phone-b $LAB_PHONE_B4,5070 $LAB_MUGA_A4 --calls 2 --rate 20 \
	--hold 500 --rtp-ports 40000,50000
expect "status of a call without ports" "$(json "$LAB_DIR/refused.json" .first_failure)" -eq 503
cat "$here/requests/invite.txt" | sed -e "s/@USER@/c1/g; s/@BORDER@/$LAB_MUGA_A4/g" \
	-e "s/@LOCAL@/$LAB_PEER_A4/g; s/@ID@/full$$/g" >"$LAB_DIR/full.txt"
sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$LAB_DIR/full.txt" >"$LAB_DIR/full-answer.log"
grep -a -q -i '^Retry-After: [1-9]' "$LAB_DIR/full-answer.log" || fail "503 without Retry-After"
wait $caller
expect_clean full 2
