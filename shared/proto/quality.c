// quality.c - ITU-T G.107 (06/2015) clause 7, with the default values of its table 2 and the codec
// impairments of G.113 appendix I.
#include "proto/quality.h"

#include "base/span.h"

#include <math.h>

// G.107 table 2.
#define SLR   8.0    // send loudness rating, dB
#define RLR   2.0    // receive loudness rating, dB
#define OLR   (SLR + RLR)
#define STMR  15.0   // sidetone masking rating, dB
#define LSTR  18.0   // listener sidetone rating, dB
#define DS    3.0    // D value of the telephone, send side
#define TELR  65.0   // talker echo loudness rating, dB
#define WEPL  110.0  // weighted echo path loss, dB
#define QDU   1.0    // quantisation distortion units
#define NC    (-70.0) // circuit noise, dBm0p
#define NFOR  (-64.0) // noise floor at the receive side, dBmp
#define PS    35.0   // room noise at the send side, dB(A)
#define PR    35.0   // room noise at the receive side, dB(A)

#define DELAY_MAX_MS 5000.0 // beyond it R is 0 anyway; keeps the powers below finite

// Ie and Bpl of G.113 appendix I, with the codec's own loss concealment. There is no narrow-band
// value for G722 and none at all for Opus: without loss both exceed G.711, so they count as
// unimpaired, and against loss as G.711 with concealment.
static const struct codec {
	const char *name;
	double ie;
	double bpl;
	double lookahead_ms;
} codecs[QUALITY_CODEC_COUNT] = {
	[QUALITY_PCMU] = { "PCMU", 0, 25.1, 0 },
	[QUALITY_PCMA] = { "PCMA", 0, 25.1, 0 },
	[QUALITY_G722] = { "G722", 0, 25.1, 1.5 },
	[QUALITY_G729] = { "G729", 11, 19.0, 5 },
	[QUALITY_OPUS] = { "opus", 0, 25.1, 6.5 },
};

enum quality_codec quality_codec_of(const char *name, uint32_t len)
{
	for (int i = 0; i < QUALITY_CODEC_COUNT; i++) {
		if (span_ieq(span_make(name, len), span_str(codecs[i].name)))
			return (enum quality_codec)i;
	}
	return QUALITY_PCMU;
}

static double power_of_db(double db)
{
	return pow(10, db / 10);
}

// (7-3) to (7-7): sum of all noise, referred to the 0 dBr point.
static double noise_dbm0p(void)
{
	double nos = PS - SLR - DS - 100 + 0.004 * pow(PS - OLR - DS - 14, 2);
	double pre = PR + 10 * log10(1 + power_of_db(10 - LSTR));
	double nor = RLR - 121 + pre + 0.008 * pow(pre - 35, 2);
	double nfo = NFOR + RLR;
	return 10 * log10(power_of_db(NC) + power_of_db(nos) + power_of_db(nor) + power_of_db(nfo));
}

// (7-8) to (7-17): impairments that come together with the voice.
static double simultaneous(double ro, double no, double ta)
{
	double x = (OLR + 0.2 * (64 + no - RLR)) / 8;
	double iolr = 20 * (pow(1 + pow(x, 8), 1.0 / 8) - x);
	double stmro = -10 * log10(power_of_db(-STMR) + exp(-ta / 4) * power_of_db(-TELR));
	double ist = 12 * pow(1 + pow((stmro - 13) / 6, 8), 1.0 / 8) -
		28 * pow(1 + pow((stmro + 1) / 19.4, 35), 1.0 / 35) -
		13 * pow(1 + pow((stmro - 3) / 33, 13), 1.0 / 13) + 29;
	double q = 37 - 15 * log10(QDU);
	double g = 1.07 + 0.258 * q + 0.0602 * q * q;
	double y = (ro - 100) / 15 + 46 / 8.4 - g / 9;
	double z = 46 / 30.0 - g / 40;
	return iolr + ist + 15 * log10(1 + pow(10, y) + pow(10, z));
}

// (7-18) to (7-28): talker echo, listener echo and too long a delay as such.
static double delayed(double ro, double no, double ta)
{
	double terv = TELR - 40 * log10((1 + ta / 10) / (1 + ta / 150)) + 6 * exp(-0.3 * ta * ta);
	double half = (-1.5 * (no - RLR) - (80 + 2.5 * (terv - 14))) / 2;
	double idte = (half + sqrt(half * half + 100) - 1) * (1 - exp(-ta));
	double rle = 10.5 * (WEPL + 7) * pow(2 * ta + 1, -0.25);
	half = (ro - rle) / 2;
	double idle = half + sqrt(half * half + 169);
	if (ta <= 100)
		return idte + idle;
	double x = log2(ta / 100);
	double idd = 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
	return idte + idle + idd;
}

static double clamp(double value, double min, double max)
{
	// The first comparison is also false for a NaN.
	return value > min ? (value < max ? value : max) : min;
}

double quality_mos_of_r(double r)
{
	r = clamp(r, 0, 100);
	double mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
	return clamp(mos, 1, 4.5); // the cubic dips just below 1 for R under 6.5
}

void quality_rate(const struct quality_input *input, struct quality_score *out)
{
	uint32_t index = (uint32_t)input->codec;
	const struct codec *codec = &codecs[index < QUALITY_CODEC_COUNT ? index : QUALITY_PCMU];
	// A receiver's jitter buffer holds about twice the mean deviation.
	double ta = clamp(input->delay_ms, 0, DELAY_MAX_MS) +
		2 * clamp(input->jitter_ms, 0, DELAY_MAX_MS) +
		clamp(input->frame_ms, 0, DELAY_MAX_MS) +
		(input->frame_ms > 0 ? codec->lookahead_ms : 0);
	ta = clamp(ta, 0, DELAY_MAX_MS);
	double loss = clamp(input->loss_percent, 0, 100);
	double no = noise_dbm0p();
	double ro = 15 - 1.5 * (SLR + no);
	// (7-29) with BurstR 1: losses counted by a relay are taken as random.
	double ie_eff = codec->ie + (95 - codec->ie) * loss / (loss + codec->bpl);
	out->r = clamp(ro - simultaneous(ro, no, ta) - delayed(ro, no, ta) - ie_eff, 0, 100);
	out->mos = quality_mos_of_r(out->r);
}
