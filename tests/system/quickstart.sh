# quickstart.sh - the first of the two commands, without installing and building: two telephones talk through
# Muga, speech passes both ways, nothing stays behind.
. "$(dirname "$0")/lib.sh"
need baresip espeak-ng sox jq
[ "$(id -u)" = 0 ] || skip "network namespaces need root"
mkdir -p "$LAB_DIR"
env -u LAB_KEEP "$root/tools/quickstart" --no-install --build "$MUGA_BUILD" --kind "$LAB_KIND" --seconds 12 \
	>"$LAB_DIR/quickstart.log" 2>&1 &
quickstart=$!
wait $quickstart || fail "tools/quickstart ended with $?"
LOG_LINES=60
grep -q '^leg  *access: [1-9]' "$LAB_DIR/quickstart.log" || fail "no figures of the access leg"
grep -q '^leg  *core: [1-9]' "$LAB_DIR/quickstart.log" || fail "no figures of the core leg"
expect "comparisons of what was heard" "$(grep -c 'match [0-9.]* %' "$LAB_DIR/quickstart.log")" -eq 2
[ ! -e "/tmp/mugaqs$quickstart" ] && [ ! -e "/dev/shm/mugaqs$quickstart" ] || fail "files were left behind"
! ip netns list | grep -q "mugaqs$quickstart-" || fail "namespaces were left behind"
