// SPDX-License-Identifier: Apache-2.0
// Data APIs that charge by what an answer has, with free and cheaper calls, kept answers and
// limits: balances computed again here, from the answers that were given.
import assert from 'node:assert/strict';
import net from 'node:net';
import test, { after, before } from 'node:test';
import { Gateway, json, nano, request, sleep, startUpstream, usd } from './lib.mjs';

let upstream, gateway;

before(async () => {
  upstream = await startUpstream();
  gateway = new Gateway({
    data_apis: {
      d: {
        base_url: upstream.url,
        allow_private: true,
        endpoints: [
          { method: 'GET', path: '/rows', price: '0.01', unit: { of: 'rows', price: '0.001', per: 3, max: 5000 } },
          { method: 'GET', path: '/bytes', price: '0', unit: { of: 'bytes', price: '0.01', per: 1000, max: 100000 } },
          { method: 'GET', path: '/deep', price: '0.001', unit: { of: '/page/items', price: '0.002', max: 50 } },
          { method: 'GET', path: '/tiers', price: '0.005', free: { calls: 7, per: 'month' }, tiers: [{ from: 10, price: '0.004' }, { from: 25, price: '0.003' }] },
          { method: 'GET', path: '/kept', price: '0.002', cache: '60s' },
          { method: 'GET', path: '/listed', price: '0.002', charge: [404, '5xx'] },
          { method: 'POST', path: '/small', price: '0.002', max_body_bytes: 100, max_query_bytes: 10, body: 'json' },
        ],
      },
      q: { base_url: upstream.url, allow_private: true, auth: { query: 'api_key', value: 'query-secret-0123456789' }, endpoints: [{ method: 'GET', path: '/q', price: '0.002' }] },
      b: { base_url: upstream.url, allow_private: true, auth: { basic: { user: 'me', password: 'basic-secret-0123456789' } }, endpoints: [{ method: 'GET', path: '/b', price: '0.002' }] },
    },
    limits: { requests_per_minute: 0, concurrent: 0 },
  });
  await gateway.start();
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

const get = (w, path, headers = {}) => request(`${gateway.url}/v1/data${path}`, { headers: { authorization: `Bearer ${w.key}`, ...headers } });

/** The rule of docs/data-apis.md, written again: in proportion, rounded up once. */
function units(count, price, per, max) {
  const n = BigInt(count < max ? count : max);
  return (n * nano(price) + BigInt(per) - 1n) / BigInt(per);
}

/** Sends a body in pieces that end at odd places. */
async function inPieces(res, type, text, sizes) {
  res.writeHead(200, { 'content-type': type });
  const bytes = Buffer.from(text);
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length];
    res.write(bytes.subarray(at, at + size));
    at += size;
    if (i % 50 === 0) await sleep(1);
  }
  res.end();
}

const odd = [1, 2, 7, 1, 13, 64, 3];

test('rows of JSON, ndjson and CSV are counted in pieces of any size', async () => {
  const w = gateway.wallet('rows', '5');
  let left = nano('5');
  const rows = Array.from({ length: 1234 }, (_, i) => ({ i, text: 'a],[",\\"é€😀', nested: [[1, 2], { x: [] }] }));
  const bodies = [
    ['application/json', JSON.stringify(rows), 1234],
    ['application/json', JSON.stringify(rows, null, 2), 1234],
    ['application/json', '[]', 0],
    ['application/json', '{"rows":[1,2,3]}', 0],
    ['application/x-ndjson', rows.map((r) => JSON.stringify(r)).join('\n'), 1234],
    ['text/csv; charset=utf-8', 'a,b\r\n' + rows.map((r) => `${r.i},"line\n""${r.i}"""`).join('\r\n') + '\r\n', 1234],
    ['application/json', JSON.stringify(Array.from({ length: 6000 }, () => 0)), 6000],
  ];
  for (const [type, body, count] of bodies) {
    upstream.handle = (req, res) => inPieces(res, type, body, odd);
    const r = await get(w, '/d/rows', { 'accept-encoding': 'gzip' });
    assert.equal(r.body.toString(), body);
    assert.equal(upstream.calls.at(-1).headers['accept-encoding'], undefined);
    left -= nano('0.01') + units(count, '0.001', 3, 5000);
    await gateway.settled(w, left);
  }
});

test('bytes are those that were delivered, and a pointer names an array or a number', async () => {
  const w = gateway.wallet('bytes', '5');
  let left = nano('5');
  for (const size of [0, 1, 999, 65537, 200001]) {
    upstream.handle = (req, res) => inPieces(res, 'application/octet-stream', 'x'.repeat(size), [4093]);
    assert.equal((await get(w, '/d/bytes')).body.length, size);
    left -= units(size, '0.01', 1000, 100000);
    await gateway.settled(w, left);
  }
  for (const [body, count] of [
    [{ page: { items: [1, [2, 3], { items: [4] }] } }, 3],
    [{ items: [1], page: { items: 12 } }, 12],
    [{ page: { items: 2.5 } }, 3],
    [{ page: { items: -2 } }, 0],
    [{ page: { items: 1e30 } }, 50],
    [{ page: [{ items: [1] }] }, 0],
  ]) {
    upstream.handle = (req, res) => inPieces(res, 'application/json', JSON.stringify(body), odd);
    await get(w, '/d/deep');
    left -= nano('0.001') + units(count, '0.002', 1, 50);
    await gateway.settled(w, left);
  }
});

test('who leaves in the middle pays for the units that had come', async () => {
  const w = gateway.wallet('leaver', '5');
  upstream.handle = (req, res) => {
    res.writeHead(200, { 'content-type': 'application/json' });
    res.write('[1,2,3,4,5,6,');
  };
  await new Promise((done) => {
    const s = net.connect(gateway.port, '127.0.0.1', () => s.write(`GET /v1/data/d/rows HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${w.key}\r\n\r\n`));
    s.on('data', (d) => {
      if (d.includes('[1,2,3')) s.destroy();
    });
    s.on('close', done);
  });
  await gateway.settled(w, nano('5') - nano('0.01') - units(6, '0.001', 3, 5000));
});

test('50 calls at once get each free call and each tier once', async () => {
  const w = gateway.wallet('tiers', '5');
  const child = gateway.run('wallet', 'create', 'tiers-child', '--parent', w.id);
  const childKey = gateway.run('key', 'create', child.id).key;
  const prices = { free: 7n, list: 10n, four: 15n };
  const expected = (n) => {
    let sum = 0n;
    for (let i = 0n; i < n; i++) {
      if (i < prices.free) continue;
      if (i < prices.free + prices.list) sum += nano('0.005');
      else if (i < prices.free + prices.list + prices.four) sum += nano('0.004');
      else sum += nano('0.003');
    }
    return sum;
  };
  upstream.handle = async (req, res) => {
    await sleep(Math.floor(Math.random() * 20));
    json(res, 200, {});
  };
  const calls = Array.from({ length: 50 }, (_, i) => get({ key: i % 2 ? w.key : childKey }, '/d/tiers'));
  const answers = await Promise.all(calls);
  assert.ok(answers.every((r) => r.status === 200));
  const costs = answers.map((r) => r.headers['x-octroi-cost']);
  const count = (cost) => costs.filter((c) => c === cost).length;
  assert.equal(count('0.000000000'), 7);
  assert.equal(count('0.005000000'), 10);
  assert.equal(count('0.004000000'), 15);
  assert.equal(count('0.003000000'), 18);
  await gateway.settled(w, nano('5') - expected(50n));
  // Failures use up nothing, and another wallet has its own.
  const other = gateway.wallet('tiers-other', '5');
  upstream.handle = (req, res) => json(res, 500, {});
  await Promise.all(Array.from({ length: 20 }, () => get(other, '/d/tiers')));
  upstream.handle = (req, res) => json(res, 200, {});
  for (let i = 0; i < 8; i++) await get(other, '/d/tiers');
  await gateway.settled(other, nano('5') - nano('0.005'));
});

test('free calls are as many after a kill', async () => {
  const w = gateway.wallet('restart', '5');
  upstream.handle = (req, res) => json(res, 200, {});
  for (let i = 0; i < 5; i++) await get(w, '/d/tiers');
  await gateway.settled(w, nano('5'));
  await gateway.stop('SIGKILL');
  await gateway.start();
  for (let i = 0; i < 4; i++) await get(w, '/d/tiers');
  await gateway.settled(w, nano('5') - 2n * nano('0.005'));
});

test('an answer is kept for all, charged each time, and not when it is somebody\'s own', async () => {
  const a = gateway.wallet('kept-a', '5');
  const b = gateway.wallet('kept-b', '5');
  let calls = 0;
  let head = {};
  upstream.handle = (req, res) => json(res, 200, { call: ++calls }, head);
  const first = await get(a, '/d/kept?x=1');
  const again = await get(b, '/d/kept?x=1');
  assert.equal(calls, 1);
  assert.equal(again.body.toString(), first.body.toString());
  assert.equal(first.headers['x-octroi-cache'], undefined);
  assert.equal(again.headers['x-octroi-cache'], 'hit');
  assert.match(again.headers.age, /^\d+$/);
  assert.equal(again.headers['x-octroi-cost'], '0.002000000');
  await get(b, '/d/kept?x=2');
  await get(b, '/d/kept?x=1', { range: 'bytes=0-1' });
  await get(b, '/d/kept?x=1', { 'accept-language': 'de' });
  assert.equal(calls, 4);
  head = { 'set-cookie': 'session=1' };
  await get(a, '/d/kept?x=3');
  const own = await get(b, '/d/kept?x=3');
  assert.equal(calls, 6);
  assert.equal(own.headers['x-octroi-cache'], undefined);
  await gateway.settled(a, nano('5') - 2n * nano('0.002'));
  await gateway.settled(b, nano('5') - 5n * nano('0.002'));
});

test('only the listed statuses are charged', async () => {
  const w = gateway.wallet('listed', '5');
  let left = nano('5');
  for (const [status, charged] of [[200, false], [404, true], [403, false], [500, true], [503, true]]) {
    upstream.handle = (req, res) => json(res, status, {});
    const r = await get(w, '/d/listed');
    assert.equal(r.status, status);
    if (charged) left -= nano('0.002');
    await gateway.settled(w, left);
  }
});

test('what is too long or no JSON is refused and costs nothing', async () => {
  const w = gateway.wallet('limits', '5');
  const post = (query, body, type = 'application/json') =>
    request(`${gateway.url}/v1/data/d/small${query}`, { method: 'POST', headers: { authorization: `Bearer ${w.key}`, 'content-type': type }, body });
  const before = upstream.calls.length;
  assert.equal((await post('?' + 'x'.repeat(11), '{}')).status, 414);
  assert.equal((await post('', JSON.stringify({ x: 'y'.repeat(100) }))).status, 413);
  assert.equal((await post('', '{"a":')).status, 400);
  assert.equal((await post('', '{}', 'text/plain')).status, 415);
  assert.equal(upstream.calls.length, before);
  await gateway.settled(w, nano('5'));
});

test('keys go into the query or as a password, and into no log', async () => {
  const w = gateway.wallet('auth', '5');
  upstream.handle = (req, res) => json(res, 200, {});
  await get(w, '/q/q?a=b');
  assert.equal(upstream.calls.at(-1).url, '/q?a=b&api_key=query-secret-0123456789');
  assert.equal((await get(w, '/q/q?api%5fkey=mine')).status, 400);
  await get(w, '/b/b');
  assert.equal(upstream.calls.at(-1).headers.authorization, `Basic ${Buffer.from('me:basic-secret-0123456789').toString('base64')}`);
  upstream.handle = (req, res) => res.destroy();
  assert.equal((await get(w, '/q/q')).status, 502);
  assert.doesNotMatch(gateway.logs, /query-secret|basic-secret/);
  assert.doesNotMatch(gateway.cli('config', 'show').stdout, /query-secret|basic-secret/);
  await gateway.settled(w, nano('5') - 2n * nano('0.002'));
});

// D6, D7
test('D6 D7: control bytes and hop headers of a client reach no host', async () => {
  const w = gateway.wallet('hops', '5');
  upstream.handle = (req, res) => json(res, 200, {}, { connection: 'x-theirs, keep-alive', 'x-theirs': '1', 'proxy-authenticate': 'Basic' });
  const before = upstream.calls.length;
  for (const target of ['/v1/data/b/b?x=%0d%0aX-Evil:1', '/v1/data/b/b%0d%0aX-Evil:1'])
    await request(`${gateway.url}${target}`, { headers: { authorization: `Bearer ${w.key}` } });
  assert.ok(upstream.calls.slice(before).every((c) => c.headers['x-evil'] === undefined));
  const r = await get(w, '/b/b', { connection: 'authorization, x-mine', 'x-mine': '1', te: 'trailers', upgrade: 'h2c', 'proxy-authorization': 'Basic x' });
  const seen = upstream.calls.at(-1).headers;
  assert.equal(r.status, 200);
  assert.match(seen.authorization, /^Basic /);
  for (const name of ['x-mine', 'te', 'upgrade', 'proxy-authorization']) assert.equal(seen[name], undefined);
  assert.equal(r.headers['x-theirs'], undefined);
  assert.equal(r.headers['proxy-authenticate'], undefined);
});
