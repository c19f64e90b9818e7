// browser.js - headless Chromium by the DevTools protocol over a pipe: no port, no further package.
'use strict';

const { spawn } = require('child_process');
const fs = require('fs');
const os = require('os');
const path = require('path');

// Flags beside those of the caller. Nothing is asked for by whom nobody could answer; the page's network is
// that of the namespace, and the browser's own services are of no use there.
const FLAGS = ['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--no-first-run',
	'--disable-background-networking', '--disable-component-update', '--disable-sync', '--mute-audio',
	'--autoplay-policy=no-user-gesture-required', '--use-fake-ui-for-media-stream',
	'--use-fake-device-for-media-stream', '--remote-debugging-pipe'];

class Browser {
	constructor(program, flags) {
		this.profile = fs.mkdtempSync(path.join(os.tmpdir(), 'muga-chromium-'));
		this.child = spawn(program, [...FLAGS, `--user-data-dir=${this.profile}`, ...flags, 'about:blank'],
			{ stdio: ['ignore', 'inherit', 'inherit', 'pipe', 'pipe'] });
		this.requests = new Map();
		this.number = 0;
		this.rest = '';
		this.child.stdio[4].setEncoding('utf8').on('data', (text) => this.read(text));
		this.gone = new Promise((resolve) => this.child.on('exit', resolve));
		this.gone.then(() => this.fail(new Error('the browser has ended')));
	}

	fail(error) {
		for (const { reject } of this.requests.values())
			reject(error);
		this.requests.clear();
	}

	// Messages end with a zero byte.
	read(text) {
		const messages = (this.rest + text).split('\0');

		this.rest = messages.pop();
		for (const message of messages.map(JSON.parse)) {
			const request = this.requests.get(message.id);

			if (!request) {
				this.event(message);
				continue;
			}
			this.requests.delete(message.id);
			if (message.error)
				request.reject(new Error(message.error.message));
			else
				request.resolve(message.result);
		}
	}

	// What the page logs goes where our own log goes.
	event({ method, params }) {
		if (method === 'Runtime.consoleAPICalled')
			console.error('page:', ...params.args.map((arg) => arg.value ?? arg.description));
		else if (method === 'Runtime.exceptionThrown')
			console.error('page:', params.exceptionDetails.exception?.description);
	}

	send(method, params = {}) {
		const id = ++this.number;

		return new Promise((resolve, reject) => {
			this.requests.set(id, { resolve, reject });
			this.child.stdio[3].write(JSON.stringify({ id, method, params, sessionId: this.session }) + '\0');
		});
	}

	async open(url) {
		const { targetId } = await this.send('Target.createTarget', { url });

		this.session = (await this.send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
		await this.send('Runtime.enable');
	}

	// The value of an expression, also of one that is a promise.
	async evaluate(expression) {
		const { result, exceptionDetails } = await this.send('Runtime.evaluate',
			{ expression, awaitPromise: true, returnByValue: true });

		if (exceptionDetails)
			throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
		return result.value;
	}

	async close() {
		this.session = undefined;
		this.send('Browser.close').catch(() => {});
		await Promise.race([this.gone, new Promise((resolve) => setTimeout(resolve, 5000))]);
		this.child.kill('SIGKILL');
		await this.gone;
		fs.rmSync(this.profile, { recursive: true, force: true, maxRetries: 5 });
	}
}

module.exports = { Browser };
