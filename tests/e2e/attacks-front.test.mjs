// SPDX-License-Identifier: Apache-2.0
// What the hostile internet sends to the front: requests that two parsers read differently,
// heads and bodies without end, connections without number. A title begins with the number
// of its threat.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import test, { after, before } from 'node:test';
import zlib from 'node:zlib';
import {
  another, answerWell, bearer, body, chat, chunked, closeWorld, data, free, gateway, head, messages, openWorld, post, raw,
  refused, searchAtTheEnd, second, send, upstream,
} from './hostile.mjs';
import { request, sleep } from './lib.mjs';

const slow = {}; // what takes its time: begun first, looked at last

before(async () => {
  await openWorld(() => ({ limits: { connections: 4000, call_timeout: '20s' } }));
  slow.head = dribble(head('GET /v1/wallet HTTP/1.1', `X-Long: ${'a'.repeat(60)}`));
  slow.body = dribble(post('Content-Length: 1000'), 1000);
  slow.chunk = raw(`${post('Transfer-Encoding: chunked')}FFFFFFFFFFFFFFFF\r\n${body}\r\n0\r\n\r\n${second()}`, { ms: 60000 });
});

after(closeWorld);

/** Sends a head byte by byte; or, with `len`, at once, and a body of that length byte by
 * byte. Never in silence for longer than a second. */
function dribble(text, len = 0) {
  const begun = Date.now();
  const rest = len > 0 ? Buffer.alloc(len, 0x20) : Buffer.from(text);
  let at = 0;
  return new Promise((done) => {
    let answer = '';
    const socket = net.connect(gateway.port, '127.0.0.1', () => {
      if (len > 0) socket.write(text);
    });
    const timer = setInterval(() => socket.write(rest.subarray(at, ++at)), 500);
    socket.on('data', (d) => (answer += d));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      done({ answer, ms: Date.now() - begun });
    });
  });
}

/** Opens n connections that say nothing; those that are still open are in the set. */
async function crowd(n, port) {
  const open = new Set();
  const one = (done) => {
    const s = net.connect(port, '127.0.0.1', () => {
      open.add(s);
      done();
    });
    s.on('error', done);
    s.on('close', () => open.delete(s));
  };
  await Promise.all(Array.from({ length: n }, () => new Promise(one)));
  return open;
}

async function disperse(open) {
  for (const s of [...open]) s.destroy();
  await sleep(100);
}

/** Clock ticks of processor time that a process has used. */
const ticks = (pid) => fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ').slice(13, 15).reduce((a, b) => a + Number(b), 0);

// ---- Requests that two parsers read differently ----------------------------------------

test('A1 Content-Length beside Transfer-Encoding is refused, what hides behind is not handled', () =>
  free(async () => {
    for (const lines of [
      ['Content-Length: 4', 'Transfer-Encoding: chunked'],
      ['Transfer-Encoding: chunked', 'Content-Length: 4'],
      [`Content-Length: ${body.length}`, 'Transfer-Encoding: chunked'],
    ])
      await refused(`${post(...lines)}0\r\n\r\n${second()}`, 400, lines.join());
  }));

test('A2 two Content-Lengths, the same or not, are refused', () =>
  free(async () => {
    await refused(post(`Content-Length: ${body.length}`, 'Content-Length: 0') + body + second(), 400, 'different');
    await refused(post(`Content-Length: ${body.length}`, `Content-Length: ${body.length}`) + body + second(), 400, 'equal');
    await refused(post(`Content-Length: ${body.length}, ${body.length}`) + body + second(), 400, 'a list');
  }));

test('A3 a Transfer-Encoding other than one "chunked" is refused', async () => {
  await free(async () => {
    for (const lines of [
      ['Transfer-Encoding: gzip, chunked'],
      ['Transfer-Encoding: xchunked'],
      ['Transfer-Encoding: chunked, chunked'],
      ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
      ['Transfer-Encoding: identity'],
      ['Transfer-Encoding: '],
      ['Transfer-Encoding: "chunked"'],
    ])
      await refused(post(...lines) + chunked(body) + second(), [400, 501], lines.join());
  });
  const r = await raw(post('Transfer-Encoding: Chunked', 'Connection: close') + chunked(body));
  assert.deepEqual(r.statuses, [200], 'the one that is allowed');
});

test('A4 Transfer-Encoding in HTTP/1.0 is refused', () =>
  free(() => refused(head('POST /v1/chat/completions HTTP/1.0', 'Transfer-Encoding: chunked') + chunked(body) + second(), 400, '1.0')));

test('A5 folded lines, control bytes and spaces in header names are refused', async () => {
  for (const field of [
    'X-A: b\r\n folded', 'X-A: b\r\n\tfolded', 'X A: b', 'X-A : b', ' X-A: b', 'X\x01: b', 'X\x7f: b', 'X\x80: b',
    'X(: b', ': b', 'no-colon-at-all', 'Content-Length : 3',
  ])
    await refused(Buffer.from(head('GET /v1/wallet HTTP/1.1', field), 'latin1'), 400, JSON.stringify(field));
});

test('A6 bare LF, bare CR and NUL in the head are refused; nothing of them reaches an upstream', () =>
  free(async () => {
    for (const field of [
      'X-Tenant: a\nX-Injected: 1', 'X-Tenant: a\rX-Injected: 1', 'X-Tenant: a\x00b', 'X-Tenant: a\x0bb',
      'X-Tenant: \x1b[31m', 'X-Tenant: a\x7f',
    ])
      await refused(Buffer.from(head('GET /v1/data/d/get/1 HTTP/1.1', field), 'latin1'), 400, JSON.stringify(field));
    await refused(head('GET /v1/data/d/get/1 HTTP/1.1').replaceAll('\r\n', '\n'), 400, 'LF alone');
  }));

test('A7 there is exactly one Host, and it is a host', async () => {
  const get = (...lines) => `GET /healthz HTTP/1.1\r\n${lines.map((l) => `${l}\r\n`).join('')}\r\n`;
  for (const lines of [
    [], ['Host: a', 'Host: b'], ['Host: a', 'Host: a'], ['Host: a?b'], ['Host: a#b'], ['Host: u@a'], ['Host: a/b'],
    ['Host: '], ['Host: a b'], ['Host: a:99999'], ['Host: a:b'], ['Host: %61'], ['Host: [::1'], ['Host: a\\b'],
  ])
    await refused(get(...lines), 400, lines.join());
  for (const host of ['a', 'a.example:8402', '[::1]:8402', '127.0.0.1'])
    assert.deepEqual((await raw(get(`Host: ${host}`, 'Connection: close'))).statuses, [200], host);
});

test('A8 what is pipelined behind a refused request is never handled', () =>
  free(async () => {
    const good = post(`Content-Length: ${body.length}`) + body;
    await refused(head('GET /v1/wallet HTTP/1.1', 'X A: b') + good + second(), 400, 'a bad name');
    await refused(head('BREW /v1/wallet HTTP/1.1') + good + second(), [400, 405], 'a bad method');
    await refused(post('Content-Length: x') + good + second(), 400, 'a bad length');
  }));

test('A9 malformed chunk sizes end the connection', () =>
  free(async () => {
    for (const size of ['-1', 'FFFFFFFFFFFFFFFFF', '0x10', 'g', '', ' 10', '1 0', '+1', '7fffffffffffffff1']) {
      const before = upstream.calls.length;
      const r = await raw(`${post('Transfer-Encoding: chunked')}${size}\r\n${body}\r\n0\r\n\r\n${second()}`);
      assert.ok(r.closed, `${size}: the connection stayed open`);
      assert.ok(r.statuses.length <= 1 && !r.statuses.includes(200), `${size}: ${r.text.slice(0, 200)}`);
      for (const status of r.statuses) assert.ok([400, 413].includes(status), `${size}: ${status}`);
      assert.equal(upstream.calls.length, before, size);
    }
  }));

test('A10 lengths that no number holds are refused at once', () =>
  free(async () => {
    for (const length of ['18446744073709551616', '18446744073709551615', '9223372036854775808', '99999999999999999999999'])
      await refused(post(`Content-Length: ${length}`), [400, 413], length);
    for (const length of ['-1', '+5', '5 5', '0x5', '5,5', '5;', 'five', '1e3', '5.0'])
      await refused(post(`Content-Length: ${length}`) + second(), 400, length);
  }));

test('A11 long targets, many headers and large heads are refused with their own status', async () => {
  await refused(head(`GET /v1/models/${'a'.repeat(9000)} HTTP/1.1`), 414, 'target');
  await refused(head('GET /healthz HTTP/1.1', ...Array.from({ length: 101 }, (_, i) => `X-${i}: 1`)), 431, '101 headers');
  await refused(head('GET /healthz HTTP/1.1', `X-Long: ${'a'.repeat(16400)}`), 431, '16 KiB');
  await refused(head('GET /healthz HTTP/1.1', `X-Long: ${'a'.repeat(200000)}`), 431, '200 KB');
  await refused(head(`GET /${'a'.repeat(200000)} HTTP/1.1`), [414, 431], 'target of 200 KB');
});

test('A12 a body over the limit is refused: announced, unread; chunked, at the limit', () =>
  free(async () => {
    await refused(post('Content-Length: 8388609'), 413, 'announced');
    const big = `{"model":"m","messages":[{"role":"user","content":"${'a'.repeat(9 << 20)}"}]}`;
    const before = upstream.calls.length;
    const r = await raw(post('Transfer-Encoding: chunked') + chunked(big), { ms: 20000 });
    assert.deepEqual(r.statuses, [413]);
    assert.equal(upstream.calls.length, before);
  }));

test('A13 Expect is 100-continue or refused', async () => {
  await refused(head('GET /healthz HTTP/1.1', 'Expect: the-unexpected'), 417, 'junk');
  const r = await raw(post('Expect: 100-continue', 'Connection: close', `Content-Length: ${body.length}`) + body);
  assert.equal(r.statuses.at(-1), 200);
});

test('A14 unknown methods, lower case, TRACE, CONNECT and proxy requests are refused', async () => {
  for (const method of ['BREW', 'get', 'Get', 'TRACE', 'CONNECT', 'PROPFIND', 'a'.repeat(300), 'G(T'])
    await refused(head(`${method} /v1/wallet HTTP/1.1`), [400, 405, 501], method);
  for (const target of ['http://octroi.test/v1/wallet', 'http://evil.example/', 'evil.example:443', '*', 'v1/wallet', ''])
    await refused(head(`GET ${target} HTTP/1.1`), 400, target);
  await refused(head('OPTIONS * HTTP/1.1'), 400, 'OPTIONS *');
});

test('A15 a path has one spelling', async () => {
  for (const target of [
    '/v1/../v1/wallet', '/v1/./wallet', '//v1/wallet', '/v1//wallet', '/v1/%2e%2e/v1/wallet', '/v1/%77allet',
    '/v1/wallet%00', '/v1/wallet%0d%0aX:%20y', '/v1/wallet%0a', '/v1/wallet%c0%af', '/v1/wallet%', '/v1/wallet%zz',
    '/v1\\wallet', '/V1/wallet', '/v1/wallet/', '/v1/wallet;x=1', '/v1/..;/v1/wallet', '/v1/wallet#x',
    '/v1/data/d/any/..%2f..%2fget/1', '/v1/data/d/any/%2e%2e/get/1', '/v1/data/d/any/a\\..\\b', '/v1/data/d/any/%5c',
    '/v1/data/d/any/a%00b', '/v1/data/d/any/a%0d%0ab', '/v1/data/d/any//a', '/v1/data/d/any/./a',
  ]) {
    const before = upstream.calls.length;
    const r = await raw(head(`GET ${target} HTTP/1.1`, 'Connection: close'));
    assert.equal(r.statuses.length, 1, target);
    assert.ok([400, 404].includes(r.statuses[0]), `${target}: ${r.statuses}`);
    assert.equal(upstream.calls.length, before, target);
  }
});

test('A22 encoded bodies are refused', () =>
  free(async () => {
    for (const coding of ['gzip', 'br', 'deflate', 'gzip, identity', 'x'])
      assert.equal((await chat(zlib.gzipSync(body), { 'content-encoding': coding })).status, 415, coding);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp'])
      assert.equal((await chat(body, { 'content-type': type })).status, 415, type);
  }));

test('A24 an unread body is never taken for a request', () =>
  free(async () => {
    const hidden = post(`Content-Length: ${body.length}`) + body;
    const lines = `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: ${hidden.length}\r\n\r\n`;
    const r = await raw(lines + hidden, { ms: 3000 });
    assert.deepEqual(r.statuses, [401]);
    const unknown = `POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: ${hidden.length}\r\n\r\n`;
    assert.deepEqual((await raw(unknown + hidden, { ms: 3000 })).statuses, [404]);
  }));

test('A25 other protocols are refused', async () => {
  await refused('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505], 'HTTP/2');
  await refused('GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n', [400, 505], '0.9');
  await refused('GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n', [400, 505], '3.0');
  for (const bytes of [
    Buffer.from('16030100c4010000c003034f6374726f690d0a0d0a', 'hex'), 'GET /healthz\r\n\r\n', 'SSH-2.0-x\r\n\r\n',
    '\r\n'.repeat(3000), '\0'.repeat(70000),
  ]) {
    const r = await raw(bytes, { ms: 15000 });
    assert.ok(!r.statuses.includes(200), r.text.slice(0, 100));
    assert.ok(r.closed);
  }
});

// ---- Readers that do not read, connections without number -----------------------------

test('A18 a reader that does not read is not buffered for, and gets every byte later', async () => {
  const size = 48 << 20;
  const piece = Buffer.alloc(1 << 20, 'abcdefgh');
  let taken = 0;
  upstream.handle = async (req, res) => {
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size });
    while (taken < size && !res.destroyed) {
      if (!res.write(piece))
        await new Promise((done) => {
          res.once('drain', done);
          res.once('close', done);
        });
      taken += piece.length;
    }
    res.end();
  };
  const memory = gateway.usage().rssKb;
  let got = 0;
  const socket = net.connect(gateway.port, '127.0.0.1', () => socket.write(head('GET /v1/data/d/get/1 HTTP/1.1', 'Connection: close')));
  const closed = new Promise((done) => socket.on('close', done));
  socket.pause();
  await sleep(1500);
  const then = taken;
  await sleep(300);
  assert.equal(taken, then, 'the upstream was not paused');
  assert.ok(taken < 24 << 20, `${taken} bytes were taken for a reader that does not read`);
  assert.ok(gateway.usage().rssKb - memory < 16 << 10, 'they are in memory');
  socket.on('data', (d) => (got += d.length));
  socket.resume();
  await closed;
  assert.ok(got > size, `${got} of ${size} bytes`);
  upstream.handle = answerWell;
});

test('A19 calls go on beside 2,000 idle connections', async () => {
  const memory = gateway.usage().rssKb;
  const open = await crowd(2000, gateway.port);
  await sleep(200);
  assert.equal(open.size, 2000);
  for (let i = 0; i < 20; i++) assert.equal((await chat({ model: 'm', messages })).status, 200);
  assert.ok(gateway.usage().rssKb - memory < 200 << 10, `${gateway.usage().rssKb - memory} kB`);
  await disperse(open);
});

test('A20 above the limit the oldest idle connection goes, and the log stays quiet', async (t) => {
  const other = await another(t, { server: { loops: 1 }, limits: { connections: 60 } });
  const wallet = other.wallet('crowded', '1');
  const log = other.logs.length;
  const open = await crowd(200, other.port);
  for (let i = 0; i < 50 && open.size > 60; i++) await sleep(20);
  assert.ok(open.size <= 60, `${open.size} connections`);
  for (let i = 0; i < 10; i++) assert.equal((await send(`${other.url}/v1/wallet`, { headers: bearer(wallet.key) })).status, 200);
  assert.ok(other.logs.length - log < 100000, 'the log grew');
  await disperse(open);
});

test('A20 without descriptors left it serves on and does not spin', async (t) => {
  const few = await another(t, { server: { loops: 1 } }, { files: 200 });
  const wallet = few.wallet('few', '1');
  const open = await crowd(300, few.port);
  await sleep(300);
  const before = ticks(few.child.pid);
  await sleep(1000);
  const used = ticks(few.child.pid) - before;
  assert.ok(used < 50, `${used} ticks of processor time in a second of nothing`);
  for (let i = 0; i < 5; i++) assert.equal((await send(`${few.url}/v1/wallet`, { headers: bearer(wallet.key) })).status, 200);
  assert.ok(few.logs.length < 200000, `${few.logs.length} bytes of log`);
  await disperse(open);
});

test('A21 one address has no more than its connections', async (t) => {
  const small = await another(t, { limits: { connections_per_address: 20 } });
  const wallet = small.wallet('a21', '1');
  const open = await crowd(60, small.port);
  for (let i = 0; i < 50 && open.size > 20; i++) await sleep(20);
  assert.ok(open.size <= 20, `${open.size} connections`);
  await disperse(open);
  assert.equal((await send(`${small.url}/v1/wallet`, { headers: bearer(wallet.key) })).status, 200);
});

test('A21 whatever X-Forwarded-For says, from a proxy or not, does no harm', async (t) => {
  const proxied = await another(t, { server: { trusted_proxies: ['127.0.0.1'] } });
  for (const xff of ['', ',', '::', 'a'.repeat(8000), '1.2.3.4', '1.2.3.4, junk', '999.1.1.1', '[::1]:1', 'unknown', '1.2.3.4:80', ', , ,', '\t'])
    for (const g of [gateway, proxied]) {
      const r = await send(`${g.url}/v1/models`, { headers: { 'x-forwarded-for': xff, forwarded: 'for=1.1.1.1' } });
      assert.equal(r.status, 200, `${g === proxied ? 'proxied' : 'direct'}: ${xff.slice(0, 20)}`);
    }
});

// ---- What the process bears ------------------------------------------------------------

test('G11 SIGHUP again and again, SIGPIPE, SIGSTOP and SIGCONT leave it serving', async () => {
  for (let i = 0; i < 300; i++) gateway.child.kill('SIGHUP');
  gateway.child.kill('SIGPIPE');
  const running = chat({ model: 'm', messages });
  gateway.child.kill('SIGSTOP');
  await sleep(500);
  gateway.child.kill('SIGCONT');
  assert.equal((await running).status, 200);
  assert.equal((await chat({ model: 'm', messages })).status, 200);
});

test('G15 a log that nobody reads holds up nobody', async (t) => {
  const other = await another(t);
  const wallet = other.wallet('g15', '50');
  const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
  const headers = { ...bearer(wallet.key), 'content-type': 'application/json' };
  other.child.stderr.pause();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 300; i++) {
        const r = await request(`${other.url}/v1/chat/completions`, { method: 'POST', agent, headers, body });
        assert.equal(r.status, 200);
      }
    }),
  );
  agent.destroy();
  assert.equal((await request(`${other.url}/healthz`)).status, 200);
  other.child.stderr.resume();
});

// ---- The end ---------------------------------------------------------------------------

test('A16 a head that dribbles is cut off at its deadline', async () => {
  const { answer, ms } = await slow.head;
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.ok(ms > 8000 && ms < 20000, `${ms} ms`);
});

test('A17 a body that dribbles is cut off at its deadline, and nothing was held', async () => {
  const { answer, ms } = await slow.body;
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.ok(ms > 25000 && ms < 60000, `${ms} ms`);
});

test('A9 a chunk of 2^64 - 1 bytes is waited for no longer than any body', async () => {
  const { statuses, closed } = await slow.chunk;
  assert.deepEqual([statuses, closed], [[408], true]);
});

searchAtTheEnd();
