#!/bin/bash
# dns.sh - trunks by name: muga-signaling against a real name server, and against one that lies.
# run: alone
#
# On the loopback of a namespace, without media process. dnsmasq serves NAPTR, SRV and A; SIPp is the callee.
. "$(dirname "$0")/alone_lib.sh"
open_namespace sipp jq curl dnsmasq python3 nc

start() { # NAME COMMAND...: its process id in $started
	local name=$1
	shift
	ip netns exec "$ns" "$@" >"$dir/$name.log" 2>&1 </dev/null &
	started=$!
}

# config NAME-SERVER HOSTS-OF-CARRIER
config() {
	cat >"$dir/muga.yaml" <<-EOF
	version: 1
	node:
	  id: dns
	  workers: 2
	  run_dir: $dir/run
	  dns: {servers: [$1], timeout: 300ms, tries: 2, deadline: 1500ms, ttl_min: 1500ms}
	dataplane:
	  hugepages: false
	  devices: {none0: {kind: "null"}}
	realms:
	  access:
	    sip: [{udp: 127.0.0.1}]
	    media: {device: none0, addresses: [127.0.0.1], ports: 20000-29999}
	  core:
	    sip: [{udp: 127.0.0.2}]
	    media: {device: none0, addresses: [127.0.0.2], ports: 20000-29999}
	trunks:
	  phones: {realm: access, hosts: ["127.0.0.3:5090"], match: {ip: 127.0.0.3}}
	  carrier: {realm: core, hosts: [$2], match: {ip: [127.0.0.4, 127.0.0.5, 127.0.0.6]}}
	  moving: {realm: core, hosts: ["sip:moving.test:5080"], match: {ip: 127.0.1.0/24}}
	  silent: {realm: core, hosts: [silent.test], match: {ip: 127.0.2.0/24}}
	  steady: {realm: core, hosts: ["127.0.0.4:5080"], match: {ip: 127.0.3.0/24}}
	routes:
	  - {match: {to: "1*"}, to: carrier}
	  - {match: {to: "2*"}, to: moving}
	  - {match: {to: "3*"}, to: silent}
	  - {match: {to: "4*"}, to: steady}
	limits: {calls: 1000, quarantine: 1s}
	EOF
}

call() { # USER CALLS RATE [SIPp option...]
	local user=$1 calls=$2 rate=$3
	shift 3
	(cd "$dir" && ip netns exec "$ns" timeout 60 sipp -sn uac 127.0.0.1:5060 -i 127.0.0.3 -p 5090 \
		-s "$user" -m "$calls" -r "$rate" -d 100 -nostdin "$@") >"$dir/uac-$user.log" 2>&1
}

# Where the newest ended call went.
last_callee() {
	muga show calls --ended --json | jq -r '.calls[0].legs[1].signaling'
}

invite() { # USER: one INVITE by hand; its answers on standard output
	sed -e "s/@USER@/$1/g" -e "s/@ID@/$1-$$-$RANDOM/g" -e 's/$/\r/' <<-'EOF' |
	INVITE sip:@USER@@127.0.0.1 SIP/2.0
	Via: SIP/2.0/UDP 127.0.0.3:5098;branch=z9hG4bK@ID@
	Max-Forwards: 70
	From: <sip:1@127.0.0.3>;tag=@ID@
	To: <sip:@USER@@127.0.0.1>
	Call-ID: @ID@
	CSeq: 1 INVITE
	Contact: <sip:1@127.0.0.3:5098>
	Content-Length: 0

	EOF
		ip netns exec "$ns" nc -u -w 3 -s 127.0.0.3 -p 5098 127.0.0.1 5060
}

# NAPTR leads to SRV, whose first host is dead: the second one carries the calls.
second_host_carries() {
	call 100 5 5 && failovers=$(metric .core.failovers) && [ "$(last_callee)" = 127.0.0.4:5080 ] &&
		[ "$failovers" -ge 5 ] && [ "$(metric .core.resolves)" -ge 5 ]
}

# Both workers ask once for each record set, not once for each call.
asked_once() {
	local before
	before=$(metric .net.dns_asked)
	call 200 30 60 && [ "$(metric .core.resolves)" -ge 30 ] &&
		[ $(($(metric .net.dns_asked) - before)) -le 8 ]
}

follows_ttl() {
	[ "$(last_callee)" = 127.0.0.4:5080 ] || return 1
	echo "127.0.0.6 moving.test" >"$dir/hosts"
	kill -HUP "$dnsmasq"
	sleep 2.6
	call 200 4 20 && [ "$(last_callee)" = 127.0.0.6:5080 ]
}

# The name server of that zone is silent: 503 within the deadline, and nobody else waits for it.
silence_delays_nobody_else() {
	local waiting answered
	invite 300 >"$dir/silent.log" &
	waiting=$!
	(wait_for 3 grep -q '^SIP/2.0 503' "$dir/silent.log") &
	answered=$!
	call 400 60 30 && wait $answered || { wait $waiting; return 1; }
	wait $waiting
	grep 'Successful call' "$dir/uac-400.log" | tail -n 1 | grep -q ' 60 *$' &&
		[ "$(metric .core.resolves_silent)" = 0 ] && [ "$(metric .net.dns_late)" -ge 1 ] &&
		[ "$(metric .core.failovers)" = "$failovers" ]
}

# Seven names whose server lies about all of them, then an address: that one is called, by whatever way.
lies_lead_nowhere() {
	call 100 1 1 && sleep 1.6 && call 100 1 1 && # failures are believed for ttl_min
		[ "$(last_callee)" = 127.0.0.4:5080 ] && ! grep -q trapped "$dir/hostile.log" &&
		[ "$(metric .net.dns_malformed)" -ge 3 ]
}

all_were_told() {
	kill -TERM "$hostile" && wait "$hostile" &&
		[ "$(sed -n 's/^lies //p' "$dir/hostile.log")" -ge 32 ]
}

echo "127.0.0.4 moving.test" >"$dir/hosts"
# silent.test is forwarded to a port where somebody listens and says nothing.
start silence nc -u -l 127.0.0.9 5300
start dnsmasq dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root \
	--pid-file="$dir/dnsmasq.pid" --listen-address=127.0.0.53 --bind-interfaces --local-ttl=2 \
	--addn-hosts="$dir/hosts" --host-record=dead.test,127.0.0.5 --host-record=live.test,127.0.0.4 \
	--naptr-record=carrier.test,100,50,s,SIP+D2T,,_sip._tcp.carrier.test \
	--naptr-record=carrier.test,100,60,s,SIP+D2U,,_sip._udp.carrier.test \
	--srv-host=_sip._udp.carrier.test,dead.test,5080,10,0 \
	--srv-host=_sip._udp.carrier.test,live.test,5080,20,0 \
	--local=/carrier.test/ --local=/moving.test/ --local=/live.test/ --local=/dead.test/ \
	--server=/silent.test/127.0.0.9#5300
dnsmasq=$started
wait_for 5 listening 127.0.0.53 53 || { echo "reason: dnsmasq did not start"; exit 1; }
start_callee 127.0.0.4
start_callee 127.0.0.6

config 127.0.0.53 carrier.test
report start start_signaling
report second_host_carries second_host_carries
report asked_once asked_once
report follows_ttl follows_ttl
report silence_delays_nobody_else silence_delays_nobody_else
report stop stop_signaling

start hostile python3 "$here/tools/dns_hostile.py" 127.0.0.54 5354 127.0.0.66
hostile=$started
wait_for 5 grep -q ready "$dir/hostile.log"
config 127.0.0.54:5354 "e1.test, e2.test, e3.test, e4.test, e5.test, e6.test, e7.test, \"127.0.0.4:5080\""
report start_among_liars start_signaling
report lies_lead_nowhere lies_lead_nowhere
report all_were_told all_were_told
report stop_among_liars stop_signaling
[ $failed = 0 ] || show_logs
exit $failed
