# calls_sipp.sh - 200 SIPp calls with RTP both ways: none fails, no packet is lost on the way.
. "$(dirname "$0")/lib.sh"
need sipp jq

CALLS=200
# Against LAB_DIRECT=1 the same runs without Muga, to tell a fault of the laboratory from one of ours.
if [ -n "$LAB_DIRECT" ]; then
	open_lab
	callee=rogue callee_ip=$LAB_ROGUE_A4 border=$LAB_ROGUE_A4
else
	open_muga
	callee=phone-b callee_ip=$LAB_PHONE_B4 border=$LAB_MUGA_A4
fi

# Payload for 2.4 s, less than the caller waits: the end of the call cuts no packet off.
head -c $((160 * 120)) /dev/urandom >"$LAB_DIR/audio.raw"
sed "s|@AUDIO@|$LAB_DIR/audio.raw|" "$here/sipp/uac.xml" >"$LAB_DIR/uac.xml"
cp "$here/sipp/uas.xml" "$LAB_DIR"
start_count count-a peer-a
start_count count-b $callee
# SIPp keeps its traces beside its scenario.
lab_start uas $callee sipp -sf "$LAB_DIR/uas.xml" -i $callee_ip -p 5060 -mi $callee_ip -mp 30000 \
	-rtp_echo -nostdin -trace_err -error_file "$LAB_DIR/uas.errors.log"
await_port $callee $callee_ip 5060
lab_exec peer-a sipp -sf "$LAB_DIR/uac.xml" -i $LAB_PEER_A4 -p 5060 -mi $LAB_PEER_A4 \
	-mp 20000 -s c1 -m $CALLS -r 20 -l $CALLS -nostdin \
	-trace_err -error_file "$LAB_DIR/uac.errors.log" -trace_stat -fd 1 -stf "$LAB_DIR/uac.csv" \
	-timeout 60s $border:5060 >"$LAB_DIR/uac.log" 2>&1
status=$?
sleep 0.5
lab_stop uas
lab_stop count-a INT
lab_stop count-b INT
[ $status -eq 0 ] || fail "SIPp ended with $status"

good=$(grep -E 'Successful call' "$LAB_DIR/uac.log" | tail -n 1 | sed 's/.*| *\([0-9]*\) *$/\1/')
bad=$(grep -E 'Failed call' "$LAB_DIR/uac.log" | tail -n 1 | sed 's/.*| *\([0-9]*\) *$/\1/')
expect "successful calls" "$good" -eq $CALLS
expect "failed calls" "$bad" -eq 0

a=$LAB_DIR/count-a.log b=$LAB_DIR/count-b.log
expect "packets of the caller" "$(json "$a" .out.packets)" -ge $((CALLS * 100))
expect "packets at the callee" "$(json "$b" .in.packets)" -eq "$(json "$a" .out.packets)"
expect "echoed packets at the caller" "$(json "$a" .in.packets)" -eq "$(json "$b" .out.packets)"
expect "echoes" "$(json "$b" .out.packets)" -eq "$(json "$b" .in.packets)"
for side in a b; do
	expect "sequence gaps at side $side" "$(json "$LAB_DIR/count-$side.log" .in.gaps)" -eq 0
	expect "packets not captured at side $side" "$(json "$LAB_DIR/count-$side.log" .not_captured)" -eq 0
done
