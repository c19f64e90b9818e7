// media.js - stands in for a browser's WebRTC: one audio line of plain RTP, fixed, and no packets.
// JsSIP asks for nothing more than descriptions.
'use strict';

class PeerConnection {
	constructor() {
		this.iceConnectionState = 'connected';
		this.iceGatheringState = 'complete';
		this.signalingState = 'stable';
		this.version = 0;
	}

	describe(type) {
		const ip = PeerConnection.address;
		const family = ip.includes(':') ? 'IP6' : 'IP4';
		const sdp = ['v=0', `o=- 1 ${++this.version} IN ${family} ${ip}`, 's=-', `c=IN ${family} ${ip}`,
			't=0 0', 'm=audio 40000 RTP/AVP 8 101', 'a=rtpmap:8 PCMA/8000',
			'a=rtpmap:101 telephone-event/8000', 'a=sendrecv', ''].join('\r\n');
		return Promise.resolve({ type, sdp });
	}

	createOffer() { return this.describe('offer'); }
	createAnswer() { return this.describe('answer'); }

	setLocalDescription(description) {
		this.localDescription = description;
		this.signalingState = description.type === 'offer' ? 'have-local-offer' : 'stable';
		return Promise.resolve();
	}

	setRemoteDescription(description) {
		// What Muga wrote must be usable: a line with a port, and an address that is not ours.
		if (!/^m=audio [1-9][0-9]* RTP\/AVP 8/m.test(description.sdp) ||
			description.sdp.includes(PeerConnection.address))
			return Promise.reject(new Error(`unusable: ${description.sdp}`));
		this.remoteDescription = description;
		this.signalingState = description.type === 'offer' ? 'have-remote-offer' : 'stable';
		return Promise.resolve();
	}

	addTrack() {}
	addEventListener() {}
	removeEventListener() {}
	getSenders() { return []; }
	getReceivers() { return []; }
	close() { this.signalingState = 'closed'; }
}

class SessionDescription {
	constructor(init) { Object.assign(this, init); }
}

// A stream that has no tracks: JsSIP opens no microphone when it is given one.
const stream = { getTracks: () => [], getAudioTracks: () => [], getVideoTracks: () => [] };

module.exports = { PeerConnection, SessionDescription, stream };
