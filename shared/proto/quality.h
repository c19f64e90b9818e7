// quality.h - speech quality of one direction of a call by the E-model (ITU-T G.107), from what a
// relay can measure: codec, loss, jitter and delay.
//
// Any thread, pure. Defaults of G.107 table 2 for everything that is not measured; no wide-band
// scale (G.107.1): G722 is judged by its impairment on the narrow-band scale.
#pragma once

#include <stdint.h>

enum quality_codec {
	QUALITY_PCMU,
	QUALITY_PCMA,
	QUALITY_G722,
	QUALITY_G729,
	QUALITY_OPUS,
	QUALITY_CODEC_COUNT
};

struct quality_input {
	enum quality_codec codec;
	double loss_percent; // 0..100, after the jitter buffer
	double jitter_ms;    // RFC 3550 interarrival jitter
	double delay_ms;     // one way, network only
	double frame_ms;     // packet time, adds to the delay; 0 = leave out
};

struct quality_score {
	double r;   // transmission rating, 0..100
	double mos; // 1.0..4.5
};

// Name as in an SDP rtpmap, without case. QUALITY_PCMU for an unknown one.
enum quality_codec quality_codec_of(const char *name, uint32_t len);

void quality_rate(const struct quality_input *input, struct quality_score *out);

// G.107 annex B: R to MOS.
double quality_mos_of_r(double r);
