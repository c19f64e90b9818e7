# stream_lib.sh - Muga with listeners for TCP, TLS and WebSocket, and callers for them. Sourced by the
# scenarios after lib.sh.
#
#   TCP 5060, TLS 5061, WS 8080 and WSS 8443 on either side of Muga, certificates of a CA of our own.

TLS_DIR=$LAB_DIR/tls

# make_ca NAME: NAME.pem and NAME.key, which certificates are issued by.
make_ca() {
	mkdir -p "$TLS_DIR"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
		-keyout "$TLS_DIR/$1.key" -out "$TLS_DIR/$1.pem" 2>/dev/null
}

# make_certificate NAME SAN [CA]: NAME.pem and NAME.key.
make_certificate() {
	local ca=${3:-ca}
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$1" \
		-keyout "$TLS_DIR/$1.key" -out "$TLS_DIR/$1.csr" 2>/dev/null
	printf 'subjectAltName=%s\n' "$2" >"$TLS_DIR/$1.ext"
	openssl x509 -req -in "$TLS_DIR/$1.csr" -CA "$TLS_DIR/$ca.pem" -CAkey "$TLS_DIR/$ca.key" \
		-CAcreateserial -days 2 -extfile "$TLS_DIR/$1.ext" -out "$TLS_DIR/$1.pem" 2>/dev/null
}

# stream_config FILE: lab_config with connections. STREAM_LIMITS is the section `connections`,
# STREAM_VERIFY what TLS clients must show.
stream_config() {
	local a b
	lab_config "$1"
	a="{ tcp: \"$LAB_MUGA_A4:5060\" }, { tcp: \"[$LAB_MUGA_A6]:5060\" }"
	b="{ tcp: \"$LAB_MUGA_B4:5060\" }"
	a="$a, { tls: \"$LAB_MUGA_A4:5061\", $(stream_tls) }, { ws: \"$LAB_MUGA_A4:8080\" }"
	a="$a, { wss: \"$LAB_MUGA_A4:8443\", $(stream_tls) }"
	b="$b, { tls: \"$LAB_MUGA_B4:5061\", $(stream_tls) }"
	sed -i "s|udp: \"\[$LAB_MUGA_A6\]:5060\" }|&, $a|; s|udp: \"\[$LAB_MUGA_B6\]:5060\" }|&, $b|" "$1"
	[ -z "$STREAM_LIMITS" ] || echo "connections: $STREAM_LIMITS" >>"$1"
}

stream_tls() {
	printf 'cert: %s, key: %s, ca: %s, verify: %s' "$TLS_DIR/muga.pem" "$TLS_DIR/muga.key" \
		"$TLS_DIR/ca.pem" "${STREAM_VERIFY:-none}"
}

# open_streams: the laboratory and Muga in it. STREAM_EDIT names a function that changes the
# configuration file before Muga sees it.
open_streams() {
	need curl openssl
	open_lab
	make_ca ca
	make_certificate muga "DNS:muga.example.com,IP:$LAB_MUGA_A4,IP:$LAB_MUGA_B4"
	stream_config "$LAB_DIR/muga.yaml"
	[ -z "$STREAM_EDIT" ] || "$STREAM_EDIT" "$LAB_DIR/muga.yaml"
	lab_start_muga || fail "Muga did not start"
}

net_metric() { lab_muga_get /v1/metrics | jq ".net.$1"; }

streams_gone() { [ "$(net_metric stream_connections)" = 0 ]; }

# start_uas [TRANSPORT]: answers calls at phone-b.
start_uas() {
	cp "$here/sipp/uas.xml" "$LAB_DIR"
	lab_start uas phone-b sipp -sf "$LAB_DIR/uas.xml" -i "$LAB_PHONE_B4" -p "${UAS_PORT:-5060}" -t "${1:-u1}" \
		-mi "$LAB_PHONE_B4" -mp 30000 -nostdin -trace_err -error_file "$LAB_DIR/uas.errors.log"
	await_port phone-b "$LAB_PHONE_B4" "${UAS_PORT:-5060}"
}

# tcp_calls NAME FROM-IP BORDER-IP TRANSPORT CALLS [sipp option...]: all of them good, or it fails.
tcp_calls() {
	local name=$1 from=$2 border=$3 transport=$4 calls=$5 good
	shift 5
	[ -s "$LAB_DIR/audio.raw" ] || head -c 1600 /dev/urandom >"$LAB_DIR/audio.raw"
	sed "s|@AUDIO@|$LAB_DIR/audio.raw|; s|\"3000\"|\"${CALL_MS:-300}\"|; s|\"500\"/>|\"50\"/>|" \
		"$here/sipp/uac.xml" >"$LAB_DIR/$name.xml"
	lab_exec peer-a sipp -sf "$LAB_DIR/$name.xml" -i "${from//[\[\]]/}" -t "$transport" -s c1 \
		-mi "${from//[\[\]]/}" -mp 20000 -m "$calls" -r 40 -l "$calls" -nostdin -max_socket 2000 \
		-trace_err -error_file "$LAB_DIR/$name.errors.log" -timeout 60s "$@" \
		"$border:5060" >"$LAB_DIR/$name.log" 2>&1
	good=$(grep -E 'Successful call' "$LAB_DIR/$name.log" | tail -n 1 |
		sed 's/.*| *\([0-9]*\) *$/\1/')
	expect "$name: successful calls" "${good:-0}" -eq "$calls"
}

# start_kamailio NAME NAMESPACE IP PORT TARGET [CERTIFICATE]: a proxy to TARGET, by UDP on PORT and by TLS
# on 5061, or without a certificate by TCP on 5060.
start_kamailio() {
	local name=$1 ns=$2 ip=$3 port=5060
	cat >"$LAB_DIR/$name.tls" <<-END
	[server:default]
	method = TLSv1.2+
	certificate = $TLS_DIR/$6.pem
	private_key = $TLS_DIR/$6.key
	ca_list = $TLS_DIR/ca.pem
	verify_certificate = yes
	require_certificate = yes
	[client:default]
	method = TLSv1.2+
	certificate = $TLS_DIR/$6.pem
	private_key = $TLS_DIR/$6.key
	ca_list = $TLS_DIR/ca.pem
	verify_certificate = yes
	require_certificate = yes
	END
	[ -z "$6" ] || port=5061
	sed "s|@IP@|$ip|g; s|@PORT@|$4|; s|@TARGET@|$5|; s|@TLS@|$LAB_DIR/$name.tls|" \
		"$here/kamailio/proxy.cfg" >"$LAB_DIR/$name.cfg"
	mkdir -p "$LAB_DIR/$name.run"
	lab_start "$name" "$ns" kamailio -DD -E -m 64 -M 8 ${6:+-A WITH_TLS} -f "$LAB_DIR/$name.cfg" \
		-P "$LAB_DIR/$name.run/pid" -Y "$LAB_DIR/$name.run"
	await_port "$ns" "$ip" "$port"
}

# transactions_gave_up: how many requests were never answered, or could not be sent.
transactions_gave_up() {
	lab_muga_get /v1/metrics | jq '.transactions | .timeouts + .transport_failures'
}
