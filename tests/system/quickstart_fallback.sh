# quickstart_fallback.sh - where AF_XDP is not possible (here: its program cannot be loaded), tools/quickstart
# says so, goes on by AF_PACKET, and speech passes all the same.
. "$(dirname "$0")/lib.sh"
need baresip espeak-ng sox jq
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
mkdir -p "$LAB_DIR"
env -u LAB_KEEP MUGA_XDP_PROGRAM=/dev/null "$root/tools/quickstart" --no-install --build "$MUGA_BUILD" \
	--seconds 12 >"$LAB_DIR/quickstart.log" 2>&1
result=$?
LOG_LINES=60
[ $result -eq 0 ] || fail "tools/quickstart ended with $result"
grep -q '^AF_XDP is not possible here: .*[a-z]' "$LAB_DIR/quickstart.log" || fail "no reason was given"
grep -q '^going on with port kind packet' "$LAB_DIR/quickstart.log" || fail "it did not fall back"
expect "comparisons of what was heard" "$(grep -c 'match [0-9.]* %' "$LAB_DIR/quickstart.log")" -eq 2
