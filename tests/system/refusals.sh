# refusals.sh - what Muga does not do, and how it says so: 404 405 416 400 482 483, and 503 with Retry-After.
. "$(dirname "$0")/lib.sh"
need nc jq
# One block of ports: 128 calls at a time, the next finds none.
LAB_WORKERS=1 LAB_PORT_MAX=20255
open_muga
id=0

# ask NAME STATUS SED-COMMAND...: the request, edited, is answered with STATUS.
ask() {
	local name=$1 status=$2 file=$LAB_DIR/$1.txt
	shift 2
	id=$((id + 1))
	sed -e "$1" "$here/requests/invite.txt" | sed -e "s/@USER@/c1/g; s/@BORDER@/$LAB_MUGA_A4/g" \
		-e "s/@LOCAL@/$LAB_PEER_A4/g; s/@ID@/refused$$x$id/g" >"$file"
	sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$file" $((5100 + id)) >"$LAB_DIR/$name.log"
	got=$(grep -a '^SIP/2.0 [2-6]' "$LAB_DIR/$name.log" | head -n 1 | cut -d' ' -f2)
	[ "$got" = "$status" ] || fail "$name: answered by '${got:-nothing}', expected $status"
	[ "$status" != 400 ] || grep -a -q '^SIP/2.0 400 ..* ..*' "$LAB_DIR/$name.log" ||
		fail "$name: 400 gives no reason"
}

ask no-route 404 's/@USER@/nobody/g'
ask unknown-method 405 's/INVITE/DANCE/'
grep -a -q -i '^Allow: .*INVITE' "$LAB_DIR/unknown-method.log" || fail "405 without Allow (RFC 3261 21.4.6)"
ask tel-uri 416 's/^INVITE sip:@USER@@@BORDER@/INVITE mailto:somebody@example.org/'
ask bad-length 400 's/^Content-Length: 0/Content-Length: some/'
ask bad-uri 400 's/^INVITE sip:@USER@@@BORDER@/INVITE sip:/'
ask no-type 400 's/^Content-Type.*/X-Nothing: 1/; s/^Content-Length: 0/Content-Length: 4\n\nv=0/'
ask bad-cseq 400 's/^CSeq: 1 INVITE/CSeq: 1 BYE/'
ask no-from 400 '/^From:/d'
ask no-call-id 400 '/^Call-ID:/d'
ask too-many-hops 483 's/^Max-Forwards: 70/Max-Forwards: 0/'

# A loop: what Muga sends to the core comes back to it from there, as from a proxy that routes by number.
lab_start catcher phone-b nc -u -l -w 3 $LAB_PHONE_B4 5060
sed -e "s/@USER@/c7777/g; s/@BORDER@/$LAB_MUGA_A4/g; s/@LOCAL@/$LAB_PEER_A4/g; s/@ID@/loop$$/g" \
	"$here/requests/invite.txt" >"$LAB_DIR/loop.txt"
sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$LAB_DIR/loop.txt" >"$LAB_DIR/loop-first.log"
lab_wait_for 3 grep -a -q '^INVITE ' "$LAB_DIR/catcher.log" || fail "the INVITE did not reach the core"
# The same request by another path while the first one is pending (RFC 3261 8.2.2.2).
sed -e 's/branch=z9hG4bK/branch=z9hG4bKother/' "$LAB_DIR/loop.txt" >"$LAB_DIR/merged.txt"
sip_ask peer-a $LAB_PEER_A4 $LAB_MUGA_A4 "$LAB_DIR/merged.txt" 5097 >"$LAB_DIR/merged.log"
grep -a -q '^SIP/2.0 482' "$LAB_DIR/merged.log" || fail "a merged request is not answered by 482"
lab_stop catcher
awk '/^INVITE / { n++ } n == 1' "$LAB_DIR/catcher.log" >"$LAB_DIR/looped.txt"
sip_ask phone-b $LAB_PHONE_B4 $LAB_MUGA_B4 "$LAB_DIR/looped.txt" 5098 >"$LAB_DIR/loop-back.log"
grep -a -q '^SIP/2.0 482' "$LAB_DIR/loop-back.log" || fail "our own INVITE, come back, is not answered by 482"

# 128 calls hold all ports; the next are refused by 503 with Retry-After, and the first are not disturbed.
call_through full peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 128 --rate 200 \
	--hold 6000 --no-media &
caller=$!
sleep 2.5
offer="v=0\no=- 1 1 IN IP4 $LAB_PEER_A4\ns=-\nc=IN IP4 $LAB_PEER_A4\nt=0 0\nm=audio 40000 RTP/AVP 8"
length=$(printf "$offer\n" | sed 's/$/\r/' | wc -c)
ask no-ports 503 "s/@USER@/c999/g; s|^Content-Length: 0|Content-Length: $length\n\n$offer|; \${/^\$/d}"
grep -a -q -i '^Retry-After: [1-9]' "$LAB_DIR/no-ports.log" || fail "503 without Retry-After"
wait $caller || fail "the calls that held the ports were disturbed: $(cat "$LAB_DIR/full.json")"
lab_wait_for 15 ports_rested || fail "the ports did not come back"
call_through again peer-a $LAB_PEER_A4,5070 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 2 --hold 500
expect_clean again 2
