// phone.js - the page: JsSIP over the browser's own WebRTC. phone() makes one call, or takes one, and tells how
// it went and what was heard.
'use strict';

const JsSIP = require('jssip');

const RATE_HZ = 8000;
// Samples handed over at once: a page that is busy for a second must not miss any.
const BLOCK = 8192;
const CAMERA = { width: 320, height: 240, frameRate: 10 };
const JITTER_MS = 300;
// What is compared afterwards must not be improved before.
const MICROPHONE = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

// What a stream sounds like, as 16-bit samples, from the first call to the end. Chromium feeds remote audio to a
// graph only while an element plays it too.
class Recorder {
	constructor() {
		this.context = new AudioContext({ sampleRate: RATE_HZ });
		this.chunks = [];
		this.sink = this.context.createScriptProcessor(BLOCK, 1, 1);
		this.sink.onaudioprocess = (event) => this.chunks.push(event.inputBuffer.getChannelData(0).slice());
		this.sink.connect(this.context.destination);
	}

	add(track) {
		const stream = new MediaStream([track]);

		this.element = new Audio();
		this.element.srcObject = stream;
		this.element.play();
		this.context.createMediaStreamSource(stream).connect(this.sink);
	}

	get ms() { return this.chunks.reduce((sum, chunk) => sum + chunk.length, 0) * 1000 / RATE_HZ; }

	// Little-endian, in base64.
	text() {
		let bytes = '';

		for (const chunk of this.chunks)
			for (const sample of chunk) {
				const value = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
				bytes += String.fromCharCode(value & 255, value >> 8 & 255);
			}
		return btoa(bytes);
	}
}

// Plays a remote picture, without which nothing would be decoded.
function show(track) {
	const element = document.createElement('video');

	element.srcObject = new MediaStream([track]);
	element.muted = true;
	document.body.append(element);
	element.play();
}

// Figures of all streams and of the transports under them.
async function figures(connection) {
	const out = { inbound: {}, outbound: {}, transports: [] };

	for (const stat of (await connection.getStats()).values()) {
		if (stat.type === 'inbound-rtp')
			out.inbound[stat.kind] = stat;
		else if (stat.type === 'outbound-rtp')
			out.outbound[stat.kind] = stat;
		else if (stat.type === 'transport')
			out.transports.push(stat);
	}
	return out;
}

// Whether both directions of each kind of medium run, reported on by the far end, and sound has for so long.
async function has_talked(connection, kinds, seconds) {
	const { inbound, outbound } = await figures(connection);

	return kinds.every((kind) => outbound[kind]?.packetsSent > 100 && inbound[kind]?.packetsReceived > 100 &&
		outbound[kind].remoteId && inbound[kind].remoteId && (kind === 'audio' ?
		inbound.audio.totalSamplesDuration >= seconds : inbound.video.framesDecoded >= 10));
}

async function wait_until(is_met, ms, what) {
	for (const end = performance.now() + ms; !await is_met(); await new Promise((done) => setTimeout(done, 50)))
		if (performance.now() > end)
			throw new Error(`${what}: not within ${ms} ms`);
}

function listen_connection(connection, report, recorder) {
	connection.addEventListener('track', ({ track, receiver }) => {
		// On a busy machine a short buffer would stretch what it plays.
		receiver.jitterBufferTarget = JITTER_MS;
		if (track.kind === 'audio')
			recorder.add(track);
		else
			show(track);
	});
	connection.addEventListener('connectionstatechange', () => report.states.push(connection.connectionState));
}

// A session that calls has its connection before anybody hears of it, one that is called not yet.
function listen(session, report, recorder) {
	if (session.connection)
		listen_connection(session.connection, report, recorder);
	else
		session.on('peerconnection', (event) => listen_connection(event.peerconnection, report, recorder));
	session.on('sdp', ({ originator, type, sdp }) => report.sdp.push({ originator, type, sdp }));
	session.on('confirmed', () => { report.is_confirmed = true; });
	for (const name of ['ended', 'failed'])
		session.on(name, ({ originator, cause }) => { report.end = `${name}: ${originator}: ${cause}`; });
}

// { url, uri, target, media: ["audio", "video"], seconds, bundle }: calls target, or waits to be called where it
// is none; hangs up once each medium has run that long in both directions.
async function phone(task) {
	const report = { states: [], sdp: [], is_confirmed: false, end: null };
	const recorder = new Recorder();
	const ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(task.url)], uri: task.uri, register: false });
	const options = {
		mediaConstraints: { audio: MICROPHONE, video: task.media.includes('video') && CAMERA },
		pcConfig: { bundlePolicy: task.bundle ?? 'balanced', iceServers: [] },
	};
	let session;

	ua.on('newRTCSession', (event) => {
		session = event.session;
		listen(session, report, recorder);
		if (event.originator === 'remote')
			session.answer(options);
	});
	ua.start();
	try {
		await wait_until(() => ua.isConnected(), 10000, 'the connection');
		if (task.target)
			ua.call(task.target, options);
		console.log('ready');
		await wait_until(() => report.is_confirmed || report.end, 20000, 'the answer');
		if (report.is_confirmed)
			await wait_until(async () => report.end || await has_talked(session.connection, task.media, task.seconds),
				(task.seconds + 15) * 1000, 'media');
		report.figures = await figures(session.connection);
		if (!report.end)
			session.terminate();
		await wait_until(() => report.end, 5000, 'the end');
	} catch (error) {
		report.error = error.message;
		if (session?.connection)
			report.figures = await figures(session.connection);
	}
	ua.stop();
	return { report, recorded: recorder.text() };
}

window.phone = phone;
