// SPDX-License-Identifier: Apache-2.0
// The HTTP side of every mock: one port, a record of all calls, answers in any pieces.
// A provider is {base, answer(call, out), refuse(out, error)}:
//   call  {method, path, query, headers, bytes, body, closed}; the provider adds `seen`,
//         `reply` and, once it has answered well, `usage`: the truth, in normal form
//   out   json(status, value, headers), send(status, type, bytes, headers), stream(type, frames)
import http from 'node:http';
import { Bad } from './strict.mjs';

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** Among frames: here the socket breaks. */
export const CUT = Symbol('cut');

/** An error that the provider says in its own words. */
export class Refusal extends Error {
  constructor(status, code, message, more = {}) {
    super(message);
    Object.assign(this, { status, code, ...more });
  }
}

function answers(res, options) {
  async function write(bytes) {
    if (res.destroyed) throw new Error('the reader has left');
    const size = options.shred || bytes.length;
    for (let i = 0; i < bytes.length; i += size) {
      res.write(bytes.subarray(i, i + size));
      if (options.shred) await new Promise(setImmediate);
    }
  }
  const out = {
    send(status, type, bytes, headers = {}) {
      res.writeHead(status, { 'content-type': type, 'content-length': bytes.length, ...headers });
      res.end(bytes);
    },
    json: (status, value, headers) => out.send(status, 'application/json', Buffer.from(JSON.stringify(value)), headers),
    async stream(type, frames, { slow = false, headers = {} } = {}) {
      res.writeHead(200, { 'content-type': type, 'cache-control': 'no-cache', ...headers });
      for (const frame of frames) {
        if (frame === CUT) {
          await sleep(20); // what was written has left
          res.destroy();
          return;
        }
        await write(Buffer.from(frame));
        if (slow) await sleep(20);
      }
      res.end();
    },
  };
  return out;
}

/** Starts it on a free port. options.shred: a stream's bytes in pieces of that size. */
export async function serve(provider, options = {}) {
  const mock = { calls: [], ...provider };
  const sockets = new Set();
  const server = http.createServer(async (req, res) => {
    const url = new URL(req.url, 'http://mock');
    const call = { method: req.method, url: req.url, path: url.pathname, query: url.searchParams, headers: req.headers, rawHeaders: req.rawHeaders, closed: false };
    res.on('close', () => {
      call.closed = !res.writableFinished;
    });
    mock.calls.push(call);
    const out = answers(res, options);
    try {
      const read = [];
      for await (const piece of req) read.push(piece);
      call.bytes = Buffer.concat(read);
      if (call.bytes.length) call.body = JSON.parse(call.bytes);
      await provider.answer(call, out);
    } catch (error) {
      call.error = error;
      if (res.headersSent || res.destroyed) res.destroy();
      else if (error instanceof Refusal) provider.refuse(out, error, call);
      else if (error instanceof Bad) provider.refuse(out, Object.assign(new Refusal(400, 'bad', error.message), { path: error.path, kind: error.kind }), call);
      else if (error instanceof SyntaxError) provider.refuse(out, new Refusal(400, 'bad', 'the body is no JSON'), call);
      else out.send(599, 'text/plain', Buffer.from(`the mock failed: ${error.stack}`));
    }
  });
  server.on('connection', (s) => {
    s.setNoDelay(true);
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  mock.origin = `http://127.0.0.1:${server.address().port}`;
  mock.url = mock.origin + (provider.base ?? '');
  mock.last = () => mock.calls.at(-1);
  mock.close = async () => {
    for (const s of sockets) s.destroy();
    await new Promise((done) => server.close(done));
  };
  return mock;
}

/** A server-sent event. */
export const event = (data, name) => `${name ? `event: ${name}\n` : ''}data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;

/** Of a text that breaks off, what came before. */
export const upTo = (end, list) => (['inerror', 'cut', 'short'].includes(end) ? list.slice(0, Math.max(1, Math.floor(list.length / 2))) : list);

export const keyed = (call, name, key, prefix = '') => {
  if (call.headers[name] !== prefix + key) throw new Refusal(401, 'key', 'the key is wrong');
};
