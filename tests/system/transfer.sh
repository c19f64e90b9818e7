# transfer.sh - blind and attended transfers of SIPp: the parties that are left hear each other, the referrer
# is told and let go, and nothing stays behind. With two workers half of the attended ones bring together
# calls of both.
. "$(dirname "$0")/lib.sh"
need sipp jq curl

CALLS=20
# The ports of a call that changed its worker are orphans until they have been silent that long.
LAB_ORPHAN=2s
open_muga
head -c $((160 * 100)) /dev/urandom >"$LAB_DIR/audio.raw" # two seconds
sed "s|@AUDIO@|$LAB_DIR/audio.raw|" "$here/sipp/transfer_uas.xml" >"$LAB_DIR/uas.xml"

# transfer NAME: CALLS of that kind, one after the other so that each stream is heard alone.
transfer() {
	local log=$LAB_DIR/$1.log side
	cp "$here/sipp/refer_$1.xml" "$LAB_DIR/$1.xml"
	start_count count-$1 phone-b
	lab_start uas-$1 phone-b sipp -sf "$LAB_DIR/uas.xml" -i $LAB_PHONE_B4 -p 5060 -mi $LAB_PHONE_B4 \
		-mp 30000 -nostdin -trace_err -error_file "$LAB_DIR/uas-$1.errors.log"
	await_port phone-b $LAB_PHONE_B4 5060
	lab_exec peer-a sipp -sf "$LAB_DIR/$1.xml" -i $LAB_PEER_A4 -p 5060 -mi $LAB_PEER_A4 -mp 20000 \
		-cid_str "%u-%p-%s" -m $CALLS -r 10 -l $CALLS -nostdin -trace_err \
		-error_file "$LAB_DIR/$1.errors.log" -timeout 30s $LAB_MUGA_A4:5060 >"$log" 2>&1
	expect "$1: status of SIPp" $? -eq 0
	expect "$1: successful calls" "$(grep 'Successful call' "$log" | tail -n 1 |
		sed 's/.*| *\([0-9]*\) *$/\1/')" -eq $CALLS
	# The parties talk on without the referrer, then the target hangs up.
	lab_wait_for 10 no_calls || fail "$1: calls are left"
	lab_stop uas-$1
	lab_stop count-$1 INT
	# What either says comes to the other one, by both legs through Muga.
	local count=$LAB_DIR/count-$1.log
	expect "$1: streams" "$(json "$count" .out.streams)" -eq $((CALLS * 2))
	expect "$1: packets of both" "$(json "$count" .out.packets)" -ge $((CALLS * 2 * 95))
	expect "$1: packets that came" "$(json "$count" .in.packets)" -eq "$(json "$count" .out.packets)"
	expect "$1: sequence gaps" "$(json "$count" .in.gaps)" -eq 0
}

transfer blind
transfer attended
# 20 pairs of calls, each at one of two workers by its Call-ID.
expect "calls that changed their worker" "$(lab_muga_get /v1/metrics | jq .net.calls_given)" -gt 0
lab_wait_for 15 ports_rested || fail "ports stay behind"
