// SPDX-License-Identifier: Apache-2.0
// Endpoints that publishers sell with their skills: called by keys, shared in the books, and
// hosts of theirs that would lead us elsewhere. Set up with the command line only.
import assert from 'node:assert/strict';
import dns from 'node:dns/promises';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Gateway, json, nano, request, sleep, startUpstream, usd } from './lib.mjs';

let upstream, gateway, owner;

/** A gateway with the publisher weather-lab and its skill rain-maps. */
async function openMarket(skills) {
  const g = new Gateway({ skills: { platform_share: '15%', review: 'findings', ...skills }, limits: { requests_per_minute: 0, concurrent: 0 } });
  await g.start();
  g.owner = g.wallet('lab-owner', '1');
  g.run('publisher', 'create', 'weather-lab', '--wallet', g.owner.id);
  const folder = path.join(g.dir, 'rain-maps');
  fs.mkdirSync(folder);
  fs.writeFileSync(path.join(folder, 'SKILL.md'), '---\nname: rain-maps\ndescription: Where it rains.\n---\nAsk for /rain.\n');
  const made = g.run('skill', 'publish', folder, '--publisher', 'weather-lab', '--version', '1.0.0');
  assert.equal(made.state, 'listed', JSON.stringify(made));
  return g;
}

/** Sets the offer; the operator lets it in, as its host is another than before. */
function offer(g, definition, terms = []) {
  const file = path.join(g.dir, 'endpoints.yaml');
  fs.writeFileSync(file, typeof definition === 'string' ? definition : JSON.stringify(definition));
  const set = g.run('skill', 'offer', 'weather-lab/rain-maps', ...terms, '--endpoints', file);
  return set.pending ? g.run('skill', 'offer', 'weather-lab/rain-maps', '--accept') : set;
}

const definition = (price) => ({
  base_url: upstream.url,
  endpoints: [
    { method: 'GET', path: '/rain/{place}', price },
    { method: 'POST', path: '/report', ...(price && { price }) },
    { method: 'GET', path: '/rows', price: '0.01', unit: { of: 'rows', price: '0.001', max: 1000 } },
  ],
});

before(async () => {
  upstream = await startUpstream();
  gateway = await openMarket({ allow_private: true });
  owner = gateway.owner;
  offer(gateway, definition('0.01'));
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

const call = (w, where, { headers = {}, ...options } = {}, g = gateway) =>
  request(`${g.url}/v1/skills/weather-lab/rain-maps${where}`, { ...options, headers: { authorization: `Bearer ${w.key}`, ...headers } });
const rain = (w, options, g) => call(w, '/rain/lisbon', options, g);
const earned = (g = gateway) => nano(g.run('publisher', 'show', 'weather-lab').earnings.earned);
/** The publisher's part: what is left of the house's 15 %, which is rounded down. */
const part = (amount) => amount - (amount * 150000n) / 1000000n;

test('a call reaches the host, and what it costs is shared', async () => {
  const w = gateway.wallet('buyer', '5');
  const before = earned();
  upstream.handle = (req, res) => json(res, 200, { mm: 3 }, { 'set-cookie': 'a=b', 'x-kept': '1' });
  const r = await rain(w, { headers: { cookie: 'mine=1' } });
  assert.equal(r.status, 200);
  assert.deepEqual(JSON.parse(r.body), { mm: 3 });
  assert.equal(r.headers['x-octroi-cost'], '0.010000000');
  assert.equal(r.headers['set-cookie'], undefined);
  assert.equal(r.headers['x-kept'], '1');
  const seen = upstream.calls.at(-1);
  assert.equal(seen.url, '/rain/lisbon');
  const { token } = gateway.run('skill', 'token', 'weather-lab/rain-maps');
  assert.equal(seen.headers.authorization, `Bearer ${token}`);
  assert.match(token, /^oct-up-[A-Za-z0-9_-]{43}$/);
  assert.match(seen.headers['x-octroi-caller'], /^[0-9a-f]{32}$/);
  assert.equal(seen.headers.cookie, undefined);
  assert.doesNotMatch(JSON.stringify(seen.headers), /sk-oct-/);
  await gateway.settled(w, nano('5') - nano('0.01'));
  assert.equal(usd(earned() - before), usd(part(nano('0.01'))));
});

test('units of a skill are shared to the nano-dollar', async () => {
  const w = gateway.wallet('units', '5');
  const before = earned();
  upstream.handle = (req, res) => json(res, 200, Array.from({ length: 37 }, (_, i) => i));
  await call(w, '/rows');
  const cost = nano('0.01') + 37n * nano('0.001');
  await gateway.settled(w, nano('5') - cost);
  assert.equal(usd(earned() - before), usd(part(cost)));
});

test('100 calls at once are 100 shared entries, failures none', async () => {
  const w = gateway.wallet('many', '5');
  const before = earned();
  let count = 0;
  upstream.handle = (req, res) => (count++ % 4 === 3 ? json(res, 500, {}) : json(res, 200, {}));
  await Promise.all(Array.from({ length: 100 }, () => rain(w)));
  await gateway.settled(w, nano('5') - 75n * nano('0.01'));
  assert.equal(usd(earned() - before), usd(75n * part(nano('0.01'))));
});

test('D26: for five minutes after a change the lower price counts', async () => {
  const w = gateway.wallet('d26', '5');
  upstream.handle = (req, res) => json(res, 200, {});
  offer(gateway, definition('0.50'));
  assert.equal((await rain(w)).headers['x-octroi-cost'], '0.010000000');
  offer(gateway, definition('0.004')); // lower: at once
  assert.equal((await rain(w)).headers['x-octroi-cost'], '0.004000000');
  offer(gateway, definition('0.01'));
  assert.equal((await rain(w)).headers['x-octroi-cost'], '0.004000000');
  await gateway.settled(w, nano('5') - nano('0.018'));
});

test('a month is bought once by 20 calls at once, and covers the rest', async () => {
  const g = await openMarket({ allow_private: true });
  try {
    const w = g.wallet('monthly', '5');
    offer(g, definition(undefined), ['--per-month', '2']);
    upstream.handle = async (req, res) => {
      await sleep(30);
      json(res, 200, {});
    };
    const answers = await Promise.all(Array.from({ length: 20 }, () => call(w, '/rain/x', {}, g)));
    assert.ok(answers.every((r) => r.status === 200), answers.map((r) => r.status).join());
    const costs = answers.map((r) => r.headers['x-octroi-cost']).sort();
    assert.deepEqual(costs, [...Array(19).fill('0.000000000'), '2.000000000']);
    await g.stop('SIGKILL'); // it is in the books
    await g.start();
    assert.equal((await call(w, '/rain/x', {}, g)).headers['x-octroi-cost'], '0.000000000');
    await g.settled(w, nano('3'));
    assert.equal(usd(earned(g)), usd(part(nano('2'))));
    const stranger = await request(`${g.url}/v1/skills/weather-lab/rain-maps/rain/x`);
    assert.equal(stranger.status, 401);
  } finally {
    await g.close();
  }
});

test('what is withdrawn, quarantined or suspended is not found', async () => {
  const w = gateway.wallet('states', '5');
  upstream.handle = (req, res) => json(res, 200, {});
  const status = async () => (await rain(w)).status;
  gateway.run('skill', 'withdraw', 'weather-lab/rain-maps');
  assert.equal(await status(), 404);
  gateway.run('skill', 'approve', 'weather-lab/rain-maps');
  assert.equal(await status(), 200);
  gateway.run('skill', 'quarantine', 'weather-lab/rain-maps');
  assert.equal(await status(), 404);
  gateway.run('skill', 'approve', 'weather-lab/rain-maps');
  gateway.run('publisher', 'suspend', 'weather-lab');
  assert.equal(await status(), 404);
  gateway.run('publisher', 'unsuspend', 'weather-lab');
  assert.equal(await status(), 200);
});

test('a publisher who buys of himself pays as anybody, and the row says so', async () => {
  upstream.handle = (req, res) => json(res, 200, {});
  const r = await rain(owner);
  assert.equal(r.status, 200);
  await gateway.settled(owner);
  const rows = gateway.run('publisher', 'earnings', 'weather-lab').items;
  assert.equal(rows.at(-1).self, true);
  assert.equal(rows[0].self, false);
});

// ---- Group D ---------------------------------------------------------------------------

test('D1 D2 D5: a host that leads inwards is refused when it is offered', async () => {
  const g = await openMarket({});
  try {
    const urls = ['http://127.0.0.1', 'http://[::1]', 'http://0.0.0.0', 'http://10.0.0.1', 'http://172.16.0.1', 'http://192.168.0.1', 'http://100.64.0.1', 'http://169.254.169.254', 'http://[fc00::1]', 'http://[fe80::1]', 'http://[::ffff:127.0.0.1]', 'http://[64:ff9b::7f00:1]', 'http://224.0.0.1', 'http://255.255.255.255', 'http://2130706433', 'http://0x7f000001', 'http://0177.0.0.1', 'http://127.1', 'http://localhost', 'http://user@a.example', 'https://a.example:22', 'ftp://a.example', 'file:///etc/passwd', 'http://a.example?x', 'http://a.example#x'];
    const file = path.join(g.dir, 'endpoints.yaml');
    for (const base_url of urls) {
      fs.writeFileSync(file, JSON.stringify({ base_url, endpoints: [{ method: 'GET', path: '/a', price: '0.01' }] }));
      const r = g.cli('skill', 'offer', 'weather-lab/rain-maps', '--endpoints', file);
      assert.notEqual(r.status, 0, base_url);
    }
    fs.writeFileSync(file, 'base_url: https://a.example\nallow_private: true\nauth: {header: X, value: "${HOME}"}\nendpoints: [{method: GET, path: /a, price: 1}]\n');
    assert.notEqual(g.cli('skill', 'offer', 'weather-lab/rain-maps', '--endpoints', file).status, 0);
    assert.equal(g.run('skill', 'show', 'weather-lab/rain-maps').offer?.base_url ?? '', '');
  } finally {
    await g.close();
  }
});

test('D3: a name is judged by the address that is connected to', async (t) => {
  const name = os.hostname();
  const found = await dns.lookup(name).catch(() => undefined);
  if (!found || !/^(127|10|192\.168|172\.(1[6-9]|2\d|3[01]))\./.test(found.address)) return t.skip('this machine has no name of its own');
  const g = await openMarket({});
  try {
    const w = g.wallet('rebound', '5');
    offer(g, { base_url: `http://${name}`, endpoints: [{ method: 'GET', path: '/rain/{place}', price: '0.01' }] });
    const r = await rain(w, {}, g);
    assert.equal(r.status, 502);
    assert.match(r.body.toString(), /upstream_blocked/);
    await g.settled(w, nano('5'));
    assert.equal(earned(g), 0n);
  } finally {
    await g.close();
  }
});

test('D4: a redirect is not followed, and our key goes nowhere else', async () => {
  const w = gateway.wallet('redirected', '5');
  const other = await startUpstream();
  try {
    other.handle = (req, res) => json(res, 200, {});
    for (const location of [other.url, 'file:///etc/passwd', 'gopher://127.0.0.1', '//169.254.169.254/']) {
      upstream.handle = (req, res) => res.writeHead(302, { location }).end();
      const r = await rain(w);
      assert.equal(r.status, 502);
      assert.equal(r.headers.location, undefined);
    }
    assert.equal(other.calls.length, 0);
    await gateway.settled(w, nano('5'));
  } finally {
    await other.close();
  }
});

test('D6: no byte of a caller becomes a header or a path of its own', async () => {
  const w = gateway.wallet('smuggler', '5');
  upstream.handle = (req, res) => json(res, 200, {});
  const before = upstream.calls.length;
  for (const place of ['a%0d%0aX-Evil:1', '..%2f..%2fadmin', 'a%00b', 'a%5cb']) assert.equal((await call(w, `/rain/${place}`)).status, 400);
  assert.equal(upstream.calls.length, before);
  await gateway.settled(w, nano('5'));
});

test('D19 D20: an answer sets no cookie, moves nobody, and no page is shown under our name', async () => {
  const w = gateway.wallet('framed', '5');
  upstream.handle = (req, res) => {
    res.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'a=b', 'content-disposition': 'inline', 'x-octroi-cost': '0', 'strict-transport-security': 'max-age=1' });
    res.end('<script>1</script>');
  };
  const r = await rain(w);
  assert.equal(r.headers['set-cookie'], undefined);
  assert.equal(r.headers['strict-transport-security'], undefined);
  assert.equal(r.headers['content-disposition'], 'attachment');
  assert.equal(r.headers['x-content-type-options'], 'nosniff');
  assert.notEqual(r.headers['x-octroi-cost'], '0');
  // A body shorter than it was announced.
  const liar = net.createServer((s) => s.on('data', () => s.end('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nshort')));
  await new Promise((done) => liar.listen(0, '127.0.0.1', done));
  const g = await openMarket({ allow_private: true });
  try {
    const v = g.wallet('cheated', '5');
    offer(g, { base_url: `http://127.0.0.1:${liar.address().port}`, endpoints: [{ method: 'GET', path: '/rain/{place}', price: '0.01' }] });
    assert.equal((await rain(v, {}, g)).status, 502);
    await g.settled(v, nano('5'));
  } finally {
    await g.close();
    liar.close();
  }
});

test('D24: another host waits for the operator; a dearer price does not', async () => {
  const g = await openMarket({ allow_private: true });
  const other = await startUpstream();
  try {
    const w = g.wallet('loyal', '5');
    const file = path.join(g.dir, 'endpoints.yaml');
    const set = (base_url, price) => {
      fs.writeFileSync(file, JSON.stringify({ base_url, endpoints: [{ method: 'GET', path: '/rain/{place}', price }] }));
      const key = g.owner.key;
      return request(`${g.url}/v1/publishers/weather-lab/skills/rain-maps/offer`, { method: 'PUT', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ definition: fs.readFileSync(file, 'utf8') }) });
    };
    upstream.handle = (req, res) => json(res, 200, { from: 'old' });
    other.handle = (req, res) => json(res, 200, { from: 'new' });
    offer(g, { base_url: upstream.url, endpoints: [{ method: 'GET', path: '/rain/{place}', price: '0.01' }] });
    assert.deepEqual(JSON.parse((await rain(w, {}, g)).body), { from: 'old' });
    const asked = await set(other.url, '0.01');
    if (asked.status < 300) {
      assert.equal(JSON.parse(asked.body).pending, true, asked.body.toString());
      assert.deepEqual(JSON.parse((await rain(w, {}, g)).body), { from: 'old' });
      g.run('skill', 'offer', 'weather-lab/rain-maps', '--accept');
      assert.deepEqual(JSON.parse((await rain(w, {}, g)).body), { from: 'new' });
      assert.equal(other.calls.length, 1);
    } else {
      assert.fail(`${asked.status} ${asked.body}`);
    }
  } finally {
    await g.close();
    await other.close();
  }
});
