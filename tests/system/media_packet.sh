# media_packet.sh - muga-media on its own with ports of kind packet: RTP both ways, IPv4 and IPv6, kill -9 and start,
# a new segment file, a clean stop.
KIND=packet
. "$(dirname "$0")/media_steps_lib.sh"
