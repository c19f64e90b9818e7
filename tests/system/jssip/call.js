// call.js - JsSIP calls over WebSocket, all at once, one connection:
//   node call.js URL LOCAL-IP TARGET CALLS WHO-ENDS
// WHO-ENDS is "us" (after half a second) or "them". Prints one JSON object; exit status 0 if each call
// was answered, acknowledged and ended by a BYE that was answered. What has not happened after TIMEOUT_MS
// is waited for no more: `timeout` is true then, and calls that still stand are in no other figure than `confirmed`.
'use strict';

const WebSocket = require('ws');
const media = require('./media.js');

const [url, ip, target, calls, ender] = process.argv.slice(2);
const TIMEOUT_MS = 30000;

media.PeerConnection.address = ip;
global.WebSocket = class extends WebSocket {
	constructor(address, protocol) { super(address, protocol, { localAddress: ip, origin: 'https://phone.example.com' }); }
};
global.window = global;
global.RTCPeerConnection = media.PeerConnection;
global.RTCSessionDescription = media.SessionDescription;

const JsSIP = require('jssip');

if (process.env.JSSIP_DEBUG)
	JsSIP.debug.enable('JsSIP:*');
else
	JsSIP.debug.disable();

const report = { connected: 0, progress: 0, confirmed: 0, ended: 0, failed: 0, causes: {} };
const ua = new JsSIP.UA({
	sockets: [new JsSIP.WebSocketInterface(url)],
	uri: 'sip:browser@example.com',
	register: false,
});

// The report comes first: stop() hangs up whatever still stands, which then looks like a call that has ended.
function finish() {
	const isGood = !report.timeout && report.ended === Number(calls) && report.confirmed === Number(calls);

	console.log(JSON.stringify(report));
	ua.stop();
	process.exit(isGood ? 0 : 1);
}

function over(cause) {
	report.causes[cause] = (report.causes[cause] || 0) + 1;
	// A moment for the answer to our own BYE.
	if (report.ended + report.failed === Number(calls))
		setTimeout(finish, 500);
}

function call() {
	const session = ua.call(target, {
		mediaStream: media.stream,
		eventHandlers: {
			progress: () => report.progress++,
			confirmed: () => {
				report.confirmed++;
				if (ender === 'us')
					setTimeout(() => session.terminate(), 500);
			},
			ended: (e) => { report.ended++; over(`${e.originator}: ${e.cause}`); },
			failed: (e) => { report.failed++; over(`${e.originator}: ${e.cause}`); },
		},
	});
}

ua.on('connected', () => {
	report.connected++;
	for (let i = 0; i < Number(calls); i++)
		call();
});
setTimeout(() => { report.timeout = true; finish(); }, TIMEOUT_MS);
ua.start();
