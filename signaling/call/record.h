// record.h - the numbers inside a record, for export.c and import.c only. Never change one.
#pragma once

#define RECORD_VERSION 1u

enum record_leg_flag {
	RECORD_LEG_UAC = 1,      // we sent the request that made the dialog
	RECORD_LEG_SECURE = 2,
	RECORD_LEG_BOUND = 4,    // the far end is reached by its own connection only
	RECORD_LEG_ACK_BODY = 8, // our last ACK carried the description
	RECORD_LEG_REFERRED = 16,
};

enum record_port_flag {
	RECORD_PORT_MUX = 1,
	RECORD_PORT_BLACKHOLE = 2,
	RECORD_PORT_INACTIVE = 4,
	RECORD_PORT_HELD = 8,
	RECORD_PORT_RTCP_NEXT = 16, // RTCP is at the port after RTP
	RECORD_PORT_SAVP = 32,      // its line says RTP/SAVP
	RECORD_PORT_TLS = 64,       // with UDP/TLS/ before it
	RECORD_PORT_AVPF = 128,     // with a final F
};

enum record_invite_flag {
	RECORD_INVITE_FROM_B = 1,
	RECORD_INVITE_UNACKED = 2, // our 2xx waits for its ACK
	RECORD_INVITE_SENT = 4,    // ours has no final answer yet
	RECORD_INVITE_LATE = 8,    // it carried no offer
};
