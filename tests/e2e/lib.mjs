// SPDX-License-Identifier: Apache-2.0
// What the end-to-end tests share: a gateway of their own (a fresh data folder, a free
// port), an upstream whose answers the test scripts, the command line, and the laws.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import assert from 'node:assert/strict';

const here = path.dirname(new URL(import.meta.url).pathname);
export const octroi = process.env.OCTROI ?? path.join(here, '../../build/octroi');
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// ---- Amounts, as integers of 10^-9 USD -------------------------------------------------

export function nano(text) {
  assert.match(String(text), /^\d+(\.\d{1,9})?$/, `not an amount: ${text}`);
  const [whole, part = ''] = String(text).split('.');
  return BigInt(whole) * 1000000000n + BigInt(part.padEnd(9, '0'));
}

export function usd(n) {
  return `${n / 1000000000n}.${String(n % 1000000000n).padStart(9, '0')}`;
}

/** One line item: tokens at a price per million, rounded up once. */
export function line(tokens, perMtok) {
  const product = BigInt(tokens) * nano(perMtok);
  return (product + 999999n) / 1000000n;
}

/** What an OpenAI usage object costs: the rule of docs/prices, written again. */
export function cost(usage, price) {
  const cached = usage.prompt_tokens_details?.cached_tokens ?? 0;
  const written = usage.prompt_tokens_details?.cache_write_tokens ?? 0;
  return (
    line(usage.prompt_tokens - cached - written, price.input) +
    line(cached, price.cached_input ?? price.input) +
    line(written, price.cache_write ?? price.input) +
    line(usage.completion_tokens ?? 0, price.output)
  );
}

// ---- Recorded answers ------------------------------------------------------------------

export function recorded(name) {
  return fs.readFileSync(path.join(here, 'recorded', name));
}

// ---- The upstream ----------------------------------------------------------------------

/** A server whose answers the test scripts: `u.handle = async (req, res, body) => ..`.
 * It keeps what came in: u.calls = [{method, url, headers, rawHeaders, body, closed}]. */
export async function startUpstream() {
  const u = { calls: [], handle: null };
  const sockets = new Set();
  const server = http.createServer(async (req, res) => {
    const pieces = [];
    const call = {
      method: req.method,
      url: req.url,
      headers: req.headers,
      rawHeaders: req.rawHeaders,
      closed: false,
      closedAt: 0,
    };
    res.on('close', () => {
      call.closed = !res.writableFinished;
      call.closedAt = Date.now();
    });
    u.calls.push(call);
    try {
      for await (const piece of req) pieces.push(piece);
    } catch {
      return; // the gateway broke off
    }
    call.body = Buffer.concat(pieces);
    try {
      await u.handle(req, res, call.body, call);
    } catch (error) {
      res.destroy(error);
    }
  });
  server.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  u.port = server.address().port;
  u.url = `http://127.0.0.1:${u.port}`;
  u.close = async () => {
    for (const s of sockets) s.destroy();
    await new Promise((done) => server.close(done));
  };
  return u;
}

export function json(res, status, value, headers = {}) {
  const body = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length, ...headers });
  res.end(body);
}

export function sse(res, bytes) {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  res.end(bytes);
}

// ---- The gateway -----------------------------------------------------------------------

/** The plain files of a gateway's data folder and below, by their names in it. */
export function dataFiles(gateway) {
  const top = path.join(gateway.dir, 'var');
  return fs.readdirSync(top, { recursive: true }).filter((name) => fs.statSync(path.join(top, name)).isFile());
}

// A test that fails before it stops its gateway must not leave it behind.
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** JSON is YAML: the configuration is written as a plain object. */
export class Gateway {
  constructor(config, { init = true } = {}) {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-e2e-'));
    this.file = path.join(this.dir, 'octroi.yaml');
    this.logs = ''; // of all runs
    this.config = {
      ...config,
      server: { listen: '127.0.0.1:0', admin_listen: '127.0.0.1:0', data_dir: './var', loops: 2, admin_token: 'admin-token-for-tests', ...config.server },
    };
    this.writeConfig();
    if (!init) return;
    const made = this.cli('init');
    assert.equal(made.status, 0, made.stderr);
  }

  writeConfig() {
    fs.writeFileSync(this.file, JSON.stringify(this.config, null, 1), { mode: 0o600 });
  }

  /** Only the process; `files`: its limit of open files. */
  launch({ env = {}, files } = {}) {
    const words = [octroi, 'serve', '--config', this.file];
    if (files) words.unshift('sh', '-c', `ulimit -n ${files}; exec "$@"`, 'sh');
    this.log = '';
    this.child = spawn(words[0], words.slice(1), {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    const { child } = this;
    running.add(child);
    child.on('exit', () => running.delete(child));
    this.exited = new Promise((done) => child.on('close', (code, signal) => done({ code, signal })));
    this.child.stderr.on('data', (d) => {
      this.log += d;
      this.logs += d;
    });
  }

  async start(options) {
    this.launch(options);
    const deadline = Date.now() + 30000;
    for (;;) {
      const m = /"msg":"serving".*"port":(\d+),"admin_port":(\d+)/.exec(this.log);
      if (m) {
        this.port = Number(m[1]);
        this.adminPort = Number(m[2]);
        break;
      }
      if (this.child.exitCode !== null || Date.now() > deadline) throw new Error(`octroi serve did not start:\n${this.log}`);
      await sleep(10);
    }
    this.url = `http://127.0.0.1:${this.port}`;
    return this;
  }

  async stop(signal = 'SIGTERM') {
    if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return null;
    this.child.kill(signal);
    return this.exited;
  }

  /** What /proc says of the process: descriptors, resident kilobytes. */
  usage() {
    const proc = `/proc/${this.child.pid}`;
    return {
      files: fs.readdirSync(`${proc}/fd`).length,
      rssKb: Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`${proc}/status`, 'utf8'))[1]),
    };
  }

  async close() {
    const end = await this.stop();
    if (end) assert.equal(end.code, 0, `octroi serve ended with ${JSON.stringify(end)}:\n${this.log.slice(-4000)}`);
    fs.rmSync(this.dir, { recursive: true, force: true });
  }

  /** The command line, blocking. */
  cli(...args) {
    const words = args.flat();
    const run = spawnSync(octroi, [...words, '--config', this.file], { encoding: 'utf8', timeout: 60000 });
    return { status: run.status, stdout: run.stdout, stderr: run.stderr };
  }

  /** The same with --json; fails unless it worked. */
  run(...args) {
    const r = this.cli(...args, '--json');
    assert.equal(r.status, 0, `octroi ${args.flat().join(' ')}: ${r.stderr}${r.stdout}`);
    return JSON.parse(r.stdout);
  }

  wallet(name, amount, keyArgs = []) {
    const w = this.run('wallet', 'create', name);
    if (amount) this.run('wallet', 'topup', w.id, amount);
    const k = this.run('key', 'create', w.id, ...keyArgs);
    return { id: w.id, name, key: k.key, keyId: k.id };
  }

  balance(w) {
    const shown = this.run('wallet', 'show', w.id);
    return { balance: nano(shown.balance), held: nano(shown.held) };
  }

  /** The books are right: re-derived from the journal, and by the second implementation. */
  laws() {
    const verify = this.run('ledger', 'verify');
    assert.equal(verify.ok, true, JSON.stringify(verify));
    assert.deepEqual(verify.faults, []);
    const audit = this.cli('ledger', 'audit');
    assert.equal(audit.status, 0, audit.stderr + audit.stdout);
  }

  /** Waits until nothing is on hold; then the laws. */
  async settled(w, expected) {
    for (let i = 0; i < 200; i++) {
      const b = this.balance(w);
      if (b.held === 0n && (expected === undefined || b.balance === expected)) break;
      await sleep(25);
    }
    const b = this.balance(w);
    assert.equal(b.held, 0n, 'something stayed on hold');
    if (expected !== undefined) assert.equal(usd(b.balance), usd(expected));
    this.laws();
    return b.balance;
  }

  statement(w) {
    return this.run('wallet', 'statement', w.id).items;
  }
}

/** Sends bytes on a connection of its own; gives all that came back until the other side
 * closed it or `ms` have passed, and the statuses in it. */
export function wire(port, bytes, { ms = 8000 } = {}) {
  return new Promise((resolve) => {
    const pieces = [];
    const finish = (closed) => {
      clearTimeout(timer);
      socket.destroy();
      const text = Buffer.concat(pieces).toString('latin1');
      resolve({ text, closed, statuses: [...text.matchAll(/^HTTP\/1\.[01] (\d{3}) /gm)].map((m) => Number(m[1])) });
    };
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    const timer = setTimeout(() => finish(false), ms);
    socket.on('data', (d) => pieces.push(d));
    socket.on('error', () => {});
    socket.on('close', () => finish(true));
  });
}

export async function request(url, { method = 'GET', headers = {}, body, agent = false } = {}) {
  return new Promise((resolve, reject) => {
    // Without this node frames no body of a DELETE.
    const framed = body === undefined ? headers : { 'content-length': Buffer.byteLength(body), ...headers };
    const req = http.request(url, { method, headers: framed, agent }, (res) => {
      const pieces = [];
      res.on('data', (d) => pieces.push(d));
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, rawHeaders: res.rawHeaders, body: Buffer.concat(pieces), complete: res.complete }));
      res.on('error', (error) => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(pieces), complete: false, error }));
      res.on('aborted', () => {});
    });
    req.on('error', reject);
    req.end(body);
  });
}
