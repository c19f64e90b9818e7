# kill_signaling.sh - kill -9 of muga-signaling during calls loses no RTP packet, and it comes back.
. "$(dirname "$0")/lib.sh"
need jq
open_muga

call_through killed peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 20 --rate 20 --hold 9000 &
caller=$!
sleep 3
media=$(lab_pid muga-media)
lab_stop muga-signaling KILL
sleep 2
lab_start_signaling || fail "muga-signaling did not start again"
wait $caller
[ "$(lab_pid muga-media)" = "$media" ] && lab_is_alive muga-media || fail "muga-media did not live through it"

file=$LAB_DIR/killed.json
cp "$file" "$LAB_DIR/killed.report.log"
expect "answered calls" "$(json "$file" .answered)" -eq 20
expect "packets sent" "$(json "$file" .sent)" -ge 17000
expect "packets lost" "$(json "$file" .lost)" -eq 0
expect "packets doubled" "$(json "$file" .duplicates)" -eq 0
expect "foreign packets" "$(json "$file" .foreign)" -eq 0

# The restarted process takes new calls while the flows of the old ones may still stand as orphans.
call_through after peer-a $LAB_PEER_A4 phone-b $LAB_PHONE_B4 $LAB_MUGA_A4 --calls 20 --rate 20 \
	--hold 1500 --rtp-ports 40000,50000
expect_clean after 20
