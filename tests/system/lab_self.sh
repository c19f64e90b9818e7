# lab_self.sh - the laboratory itself, without Muga: what the other scenarios stand on.
. "$(dirname "$0")/lib.sh"
open_lab

call_through v4 peer-a $LAB_PEER_A4 rogue $LAB_ROGUE_A4 $LAB_ROGUE_A4 --calls 5 --rate 20 --hold 1000
expect_clean v4 5
call_through v6 peer-a $LAB_PEER_A6 rogue $LAB_ROGUE_A6 $LAB_ROGUE_A6 --calls 5 --rate 20 --hold 1000
expect_clean v6 5

# Each destination port sees another source port of the NAT: its mapping depends on the endpoint.
start_capture nat rogue eth0 udp
for port in 4001 4002 4003; do
	echo x | lab_exec phone-a nc -u -w 0 -p 40000 $LAB_ROGUE_A4 $port
done
lab_wait_for 5 sh -c "[ \$(tcpdump -n -r $LAB_DIR/nat.pcap 2>/dev/null | wc -l) -ge 3 ]"
lab_stop nat
ports=$(tcpdump -n -r "$LAB_DIR/nat.pcap" src host $LAB_NAT_A4 2>/dev/null |
	sed -n 's/.*IP [0-9]*\.[0-9]*\.[0-9]*\.[0-9]*\.\([0-9]*\) >.*/\1/p' | sort -u | wc -l)
expect "NAT mappings of one source port towards three destinations" "$ports" -eq 3
