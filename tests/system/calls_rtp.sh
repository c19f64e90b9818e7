# calls_rtp.sh - calls with media in every combination of address families: each packet arrives once,
# unaltered, from the border's address.
. "$(dirname "$0")/lib.sh"
need jq
open_muga

# name caller-ip border-ip callee-ip prefix-of-the-called-user
while read -r name from border to prefix; do
	call_through "$name" peer-a "$from" phone-b "$to" "$border" --calls 60 --rate 30 --hold 3000 \
		${prefix:+--prefix "$prefix"}
	expect_clean "$name" 60
done <<-END
	v4-v4 $LAB_PEER_A4 $LAB_MUGA_A4 $LAB_PHONE_B4
	v6-v6 $LAB_PEER_A6 $LAB_MUGA_A6 $LAB_PHONE_B6 6
	v4-v6 $LAB_PEER_A4 $LAB_MUGA_A4 $LAB_PHONE_B6 6
	v6-v4 $LAB_PEER_A6 $LAB_MUGA_A6 $LAB_PHONE_B4
END

# Nothing is left behind: no call, and after the quarantine every port is free again.
lab_wait_for 10 ports_rested || fail "ports still in use: $(lab_muga show ports --json | tr -d ' \n')"
expect "calls left" "$(calls_alive)" -eq 0
