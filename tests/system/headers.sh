# headers.sh - profiles over the wire: header rules and their tests, a private caller, mapped codes, Session-ID,
# MESSAGE and SUBSCRIBE by route.
. "$(dirname "$0")/lib.sh"
need sipp jq
open_lab
lab_config "$LAB_DIR/muga.yaml"

cat >>"$LAB_DIR/muga.yaml" <<'END'
profiles:
  carrier:
    headers:
      pass: [X-Account]
      agent: Border
      codes: { 486: 600 }
      texts: { 600: Engaged }
      reason: q850
      rules:
        out:
          - { action: regex, name: From, pattern: "<sip:0([0-9]+)@", replacement: "<sip:+49\\1@" }
          - { action: set, name: X-Class, value: gold, methods: MESSAGE, messages: requests }
      tests:
        - { in: "From: <sip:0301@x>;tag=1", expect: "From: <sip:+49301@x>;tag=1" }
  phones:
    headers: { pass: [X-Account] }
END
sed -i -e 's/^  core4: { /&profile: carrier, /' -e 's/^  peer4:/&\n    profile: phones/' "$LAB_DIR/muga.yaml"

# A rule that does not do what its test says: the file is refused with its line.
sed 's/expect: "From: <sip:+49301@x>/expect: "From: <sip:+49302@x>/' "$LAB_DIR/muga.yaml" >"$LAB_DIR/wrong.yaml"
line=$(grep -n '+49302' "$LAB_DIR/wrong.yaml" | cut -d: -f1)
"$(muga_program muga)" check "$LAB_DIR/wrong.yaml" >"$LAB_DIR/check.log" 2>&1 &&
	fail "a failing test of rules was accepted"
grep -q "wrong.yaml:$line:.*the test fails.*+49302.*+49301" "$LAB_DIR/check.log" ||
	fail "the failing test is not named by file and line"
lab_start_muga || fail "Muga did not start"

# answer NAME NAMESPACE IP SCENARIO, ask NAME NAMESPACE IP SCENARIO USER BORDER: SIPp with one call, its
# messages in $LAB_DIR/NAME.messages.
sipp_of() {
	cp "$here/sipp/$1.xml" "$LAB_DIR"
	echo "sipp -sf $LAB_DIR/$1.xml -nostdin -m 1 -timeout 20s -timeout_error -trace_msg"
}
answer() {
	lab_start "$1" "$2" $(sipp_of "$4") -i "$3" -p 5060 -message_file "$LAB_DIR/$1.messages"
	await_port "$2" "$3" 5060
}
ask() {
	lab_exec "$2" $(sipp_of "$4") -i "$3" -p 5060 -s "$5" -message_file "$LAB_DIR/$1.messages" \
		"$6:5060" >"$LAB_DIR/$1.log" 2>&1 || fail "$1: SIPp ended with $?"
}
has() { # FILE TEXT
	grep -a -q -F -- "$2" "$LAB_DIR/$1.messages" || fail "$1 does not see: $2"
}
hasnt() {
	! grep -a -q -F -- "$2" "$LAB_DIR/$1.messages" ||
		fail "$1 sees: $(grep -a -F -m1 -- "$2" "$LAB_DIR/$1.messages")"
}

answer message-b phone-b $LAB_PHONE_B4 message_uas
ask message-a peer-a $LAB_PEER_A4 message_uac c1 $LAB_MUGA_A4
lab_stop message-b
has message-b "MESSAGE sip:c1@$LAB_PHONE_B4"
has message-b "From: \"Alice\" <sip:+49301@$LAB_MUGA_B4"
has message-b "X-Account: 4711"
has message-b "X-Class: gold"
has message-b "Subject: greeting"
has message-b "User-Agent: Border"
has message-b "hello"
hasnt message-b X-Smuggled
hasnt message-b $LAB_PEER_A4
hasnt message-a $LAB_PHONE_B4

# From the trusted core to the untrusted access side.
answer private-a peer-a $LAB_PEER_A4 busy_uas
ask private-b phone-b $LAB_PHONE_B4 private_uac alice $LAB_MUGA_B4
lab_stop private-a
has private-a 'From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag='
has private-a "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=0000"
hasnt private-a +49301234
hasnt private-a P-Asserted-Identity
hasnt private-a Hidden
has private-b "SIP/2.0 600 Engaged"
has private-b "Reason: Q.850;cause=17"
has private-b "Server: Border"
lab_muga show calls --ended --json >"$LAB_DIR/ended.json"
[ "$(json "$LAB_DIR/ended.json" '.calls[0].session_id[0:33]')" = "ab30317f1a784dc48ff824d0d3715d86/" ] ||
	fail "show calls does not tell the Session-ID"

answer notifier phone-b $LAB_PHONE_B4 subscribe_uas
ask subscriber peer-a $LAB_PEER_A4 subscribe_uac c1 $LAB_MUGA_A4
lab_stop notifier
expect "NOTIFYs at the subscriber" "$(grep -a -c '^NOTIFY sip:sipp@' "$LAB_DIR/subscriber.messages")" -ge 2
has subscriber "Subscription-State: terminated;reason=timeout"
has subscriber "<presence/>"
hasnt subscriber $LAB_PHONE_B4
hasnt notifier $LAB_PEER_A4
