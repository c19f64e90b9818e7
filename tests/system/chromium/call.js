// call.js - a telephone call by headless Chromium:
//   node call.js CHROMIUM TASK.json MICROPHONE.wav HEARD.wav [FLAG...]
// TASK.json is what phone() in phone.js takes. The microphone repeats its file. What was heard lies in HEARD.wav,
// 8 kHz; one JSON object is printed. Exit status 0 if the call was made and ended as it should.
'use strict';

const esbuild = require('esbuild');
const fs = require('fs');
const http = require('http');
const path = require('path');
const { Browser } = require('./browser.js');

const [program, task_file, microphone, heard, ...flags] = process.argv.slice(2);
const RATE_HZ = 8000;

function bundle() {
	const result = esbuild.buildSync({
		entryPoints: [path.join(__dirname, 'phone.js')], bundle: true, write: false, logLevel: 'error',
	});
	return result.outputFiles[0].text;
}

// A page of this host is a secure context (microphone, WebRTC) without a certificate.
function serve(script) {
	const server = http.createServer((request, response) => {
		const is_script = request.url === '/phone.js';

		response.setHeader('Content-Type', is_script ? 'text/javascript' : 'text/html');
		response.end(is_script ? script : '<!doctype html><title>phone</title><body><script src="phone.js"></script>');
	});
	return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

// RIFF, one channel of 16-bit samples.
function wav(samples) {
	const header = Buffer.alloc(44);

	header.write('RIFF', 0);
	header.writeUInt32LE(36 + samples.length, 4);
	header.write('WAVEfmt ', 8);
	header.writeUInt32LE(16, 16);
	header.writeUInt16LE(1, 20);
	header.writeUInt16LE(1, 22);
	header.writeUInt32LE(RATE_HZ, 24);
	header.writeUInt32LE(2 * RATE_HZ, 28);
	header.writeUInt16LE(2, 32);
	header.writeUInt16LE(16, 34);
	header.write('data', 36);
	header.writeUInt32LE(samples.length, 40);
	return Buffer.concat([header, samples]);
}

async function main() {
	const server = await serve(bundle());
	const browser = new Browser(program, [`--use-file-for-fake-audio-capture=${microphone}`, ...flags]);

	try {
		await browser.open(`http://127.0.0.1:${server.address().port}/`);
		while (!await browser.evaluate('typeof window.phone === "function"'))
			await new Promise((resolve) => setTimeout(resolve, 20));
		const { report, recorded } = await browser.evaluate(`phone(${fs.readFileSync(task_file)})`);

		fs.writeFileSync(heard, wav(Buffer.from(recorded, 'base64')));
		console.log(JSON.stringify(report));
		return report.is_confirmed && !report.error;
	} finally {
		await browser.close();
		server.close();
	}
}

main().then((is_good) => process.exit(is_good ? 0 : 1), (error) => {
	console.error(error.stack);
	process.exit(1);
});
