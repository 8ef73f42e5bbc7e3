// SPDX-License-Identifier: Apache-2.0
// An operator who makes every mistake: each has its exit code (docs/cli.md) and words that
// say what is wrong, where, and what to do. And one who makes none.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Gateway, json, nano, octroi, recorded, request, startUpstream } from './lib.mjs';

const price = { input: '1.25', output: '10' };
const messages = [{ role: 'user', content: 'Say this is a test' }];
let upstream, gateway, wallet;

before(async () => {
  upstream = await startUpstream();
  upstream.handle = (req, res) => json(res, 200, recorded('en-chat-basic.response.json'));
  gateway = new Gateway({
    providers: {
      up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true },
      off: { kind: 'compatible', base_url: 'http://127.0.0.1:9/v1', allow_private: true },
    },
    models: { m: { targets: [{ provider: 'up', model: 'real' }], price }, off: { targets: [{ provider: 'off', model: 'real' }], price } },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '5');
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

/** A configuration of its own, no data folder, in a folder that is removed with the test. */
function fresh(t, config = {}) {
  const g = new Gateway(config, { init: false });
  t.after(() => fs.rmSync(g.dir, { recursive: true, force: true }));
  return g;
}

const run = (...args) => spawnSync(octroi, args, { encoding: 'utf8', timeout: 60000, env: { ...process.env, OCTROI_CONFIG: '' }, cwd: '/' });

/** It ends with this code, says these words on stderr, and nothing on stdout. */
function fails(r, code, ...words) {
  assert.equal(r.status, code, `${r.status}: ${r.stdout}${r.stderr}`);
  assert.equal(r.stdout, '');
  for (const w of words) assert.match(r.stderr, w);
  assert.doesNotMatch(r.stderr, /assert|Sanitizer|\(null\)/i);
}

const chat = (model, headers = {}) =>
  request(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${wallet.key}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model, messages }) });

// ---- The configuration -----------------------------------------------------------------

const wrong = `server:
  listen: 127.0.0.1
  data_dir: ./var
  loop: 2
providers:
  up: {kind: opnai, base_url: "https://up.example/v1", api_keys: ["\${OCTROI_NO_SUCH_VARIABLE}"]}
  near: {kind: compatible, base_url: "http://127.0.0.1:1/v1"}
models:
  m:
    targets:
      - {provider: upp, model: x}
    price: {input: "1.25", output: "-10"}
    price: {input: "1", output: "1"}
limits:
  concurrent: many
data_apis:
  d: {base_url: "https://d.example", endpoints: [{method: GET, path: search, price: "1"}]}
`;

test('a configuration tells all its faults at once, with lines and nearest names', (t) => {
  const g = fresh(t);
  fs.writeFileSync(g.file, wrong);
  const r = g.cli('serve', '--check-config');
  assert.equal(r.status, 8);
  const report = r.stdout + r.stderr;
  for (const [line, words] of [[2, /listen|127\.0\.0\.1:8402/], [4, /loop.*loops/], [6, /opnai.*openai/], [6, /OCTROI_NO_SUCH_VARIABLE/], [7, /private/], [11, /upp.*up/], [12, /-10/], [13, /price/], [15, /many/], [17, /path/]]) {
    const found = report.split('\n').some((l) => new RegExp(`octroi\\.yaml:${line}(:\\d+)?:`).test(l) && words.test(l));
    assert.ok(found, `line ${line}, ${words}:\n${report}`);
  }
  fails(g.cli('serve'), 8, /octroi\.yaml:4/, /octroi\.yaml:15/);
  fails(g.cli('wallet', 'list'), 8, /octroi\.yaml:4/);
  const asJson = g.cli('serve', '--check-config', '--json');
  assert.equal(asJson.status, 8);
  const { ok, faults } = JSON.parse(asJson.stdout);
  assert.equal(ok, false);
  assert.ok(faults.length >= 9, `${faults.length} faults`);
});

test('a good configuration says so', () => {
  const r = gateway.cli('serve', '--check-config', '--json');
  assert.equal(r.status, 0, r.stdout + r.stderr);
  assert.deepEqual(JSON.parse(r.stdout).faults, []);
});

test('what is not YAML, empty, a folder or not there is told as such', (t) => {
  const g = fresh(t);
  for (const [text, words] of [['server: [', /octroi\.yaml:\d+/], ['', /nothing|empty/], ['- a\n', /octroi\.yaml:1/], ['server: {}\n\tx: 1\n', /octroi\.yaml:2/], ['a: &x [*x]\n', /octroi\.yaml:1/], ['\0\0', /octroi\.yaml/]]) {
    fs.writeFileSync(g.file, text);
    fails(g.cli('serve'), 8, words);
  }
  fails(run('serve', '--config', path.join(g.dir, 'no-such-file.yaml')), 8, /no-such-file\.yaml/);
  fails(run('serve', '--config', g.dir), 8, new RegExp(path.basename(g.dir)));
  fails(run('serve'), 8, /--config/, /octroi init/);
  fails(run('wallet', 'list'), 8, /--config/);
});

test('a secret file that is missing is named', (t) => {
  const g = fresh(t, { server: { admin_token: '${file:./no-such.token}' } });
  fails(g.cli('serve'), 8, /octroi\.yaml:\d+/, /no-such\.token/);
});

test('a reload of a bad file changes nothing and says why', async () => {
  const good = fs.readFileSync(gateway.file);
  const before = JSON.parse((await request(`${gateway.url}/readyz`)).body).config;
  fs.writeFileSync(gateway.file, wrong);
  const r = gateway.cli('config', 'reload');
  fails(r, 8, /octroi\.yaml:4/);
  gateway.child.kill('SIGHUP');
  for (let i = 0; i < 100 && !gateway.log.includes('not reloaded'); i++) await new Promise((done) => setTimeout(done, 20));
  assert.match(gateway.log, /not reloaded.*octroi\.yaml:\d+/);
  assert.deepEqual(JSON.parse((await request(`${gateway.url}/readyz`)).body).config, before);
  fs.writeFileSync(gateway.file, good);
  assert.equal((await chat('m')).status, 200);
});

test('what needs a restart is named by the reload', () => {
  const { listen } = gateway.config.server;
  gateway.config.server.listen = '127.0.0.1:1';
  gateway.writeConfig();
  fails(gateway.cli('config', 'reload'), 8, /listen.*restart/);
  gateway.config.server.listen = listen;
  gateway.writeConfig();
  assert.equal(gateway.cli('config', 'reload').status, 0);
});

// ---- The folder ------------------------------------------------------------------------

test('a data folder that was never made is not made by the way', (t) => {
  const g = fresh(t);
  fails(g.cli('serve'), 1, /var/, /octroi init/);
  fails(g.cli('wallet', 'list'), 1, /var/, /octroi init/);
  assert.ok(!fs.existsSync(path.join(g.dir, 'var')));
});

test('init makes a folder to begin with, once, and what it makes works', (t) => {
  const g = fresh(t);
  const dir = path.join(g.dir, 'shop');
  const r = run('init', dir);
  assert.equal(r.status, 0, r.stderr);
  assert.match(r.stderr, /octroi serve/);
  assert.equal(fs.statSync(path.join(dir, 'var')).mode & 0o777, 0o700);
  assert.equal(fs.statSync(path.join(dir, 'var/master.key')).mode & 0o777, 0o600);
  assert.equal(fs.statSync(path.join(dir, 'admin.token')).mode & 0o777, 0o600);
  const config = path.join(dir, 'octroi.yaml');
  const check = run('serve', '--check-config', '--json', '--config', config);
  assert.equal(check.status, 0, check.stdout + check.stderr);
  assert.equal(run('wallet', 'create', 'a', '--config', config).status, 0);
  assert.equal(run('ledger', 'verify', '--config', config).status, 0);
  fails(run('init', dir), 5, /already/);
  fails(run('init', '--config', config), 5, /already/);
  fails(run('init', path.join(g.dir, 'x'), '--config', config), 2, /DIR|--config/);
  fails(run('init'), 2);
  fails(run('init', '/proc/no/such'), 1, /\/proc\/no\/such/);
});

test('a master key that others can read, or that is gone or cut, is refused', (t) => {
  const g = fresh(t);
  assert.equal(g.cli('init').status, 0);
  const key = path.join(g.dir, 'var/master.key');
  const bytes = fs.readFileSync(key);
  fs.chmodSync(key, 0o644);
  fails(g.cli('serve'), 7, /master\.key/, /chmod 600/);
  fs.chmodSync(key, 0o600);
  fs.writeFileSync(key, bytes.subarray(1));
  const cut = g.cli('serve');
  assert.ok(cut.status > 0 && cut.status !== 8, String(cut.status));
  assert.match(cut.stderr, /master\.key/);
  fs.rmSync(key);
  fails(g.cli('serve'), 1, /master\.key/, /put it back|restore|backup/);
  fs.writeFileSync(key, bytes, { mode: 0o600 });
  assert.equal(g.cli('wallet', 'list').status, 0);
});

test('a port in use is named, and so is an address that is not ours', async (t) => {
  const taken = net.createServer();
  await new Promise((done) => taken.listen(0, '127.0.0.1', done));
  t.after(() => taken.close());
  const address = `127.0.0.1:${taken.address().port}`;
  const g = fresh(t, { server: { listen: address } });
  assert.equal(g.cli('init').status, 0);
  fails(g.cli('serve'), 5, new RegExp(address), /in use/, /listen/);
  const a = fresh(t, { server: { admin_listen: address } });
  assert.equal(a.cli('init').status, 0);
  fails(a.cli('serve'), 5, new RegExp(address), /in use/, /admin_listen/);
  const far = fresh(t, { server: { listen: '192.0.2.1:8402' } });
  assert.equal(far.cli('init').status, 0);
  const r = far.cli('serve');
  assert.ok([1, 2].includes(r.status), String(r.status));
  assert.match(r.stderr, /192\.0\.2\.1:8402/);
});

test('a socket path longer than the kernel takes still works', async (t) => {
  const g = fresh(t, { server: { data_dir: `./${'long-name-'.repeat(12)}/${'d'.repeat(100)}/var` } });
  assert.equal(g.cli('init').status, 0);
  await g.start();
  const w = g.wallet('w', '1');
  assert.equal(g.balance(w).balance, nano('1'));
  assert.equal((await g.stop()).code, 0);
  assert.equal(g.balance(w).balance, nano('1'), 'and without a daemon');
});

test('a daemon that holds the folder but does not answer is exit 6', (t) => {
  const socket = path.join(gateway.dir, 'var/admin.sock');
  fs.renameSync(socket, `${socket}.aside`);
  t.after(() => fs.renameSync(`${socket}.aside`, socket));
  fails(gateway.cli('wallet', 'list'), 6, /in use/, /daemon/);
});

// ---- What callers are told -------------------------------------------------------------

test('a caller is told which mistake it was, and how to go on', async () => {
  const error = async (answer, status, code, words) => {
    const r = await answer;
    assert.equal(r.status, status, r.body.toString());
    const e = JSON.parse(r.body).error;
    assert.equal(e.code, code);
    assert.match(e.message, words);
    assert.match(r.headers['x-request-id'], /^req_/);
    assert.doesNotMatch(e.message, /127\.0\.0\.1|sk-|errno|curl/i, 'tells what is inside');
  };
  await error(chat('m', { authorization: 'Bearer sk-oct-wrong' }), 401, 'invalid_api_key', /key/i);
  const poor = gateway.wallet('poor');
  await error(chat('m', { authorization: `Bearer ${poor.key}` }), 402, 'insufficient_funds', /top it up/i);
  await error(chat('off'), 502, 'upstream_error', /upstream/i);
  await error(chat('nothing'), 404, 'model_not_found', /\/v1\/models/);
  const r = await request(`${gateway.url}/v1/chat/completions`, { method: 'GET' });
  assert.equal(r.status, 405);
  assert.match(r.headers.allow, /POST/);
});

// ---- The command line ------------------------------------------------------------------

test('exit 2: lines that make no sense, with the nearest name', () => {
  fails(run(), 2);
  fails(run('walet', 'list'), 2, /wallet/);
  fails(run('wallet'), 2, /create/);
  fails(run('wallet', 'craete', 'x'), 2, /wallet create/);
  fails(gateway.cli('wallet', 'create'), 2, /NAME/);
  fails(gateway.cli('wallet', 'create', 'a', 'b'), 2);
  fails(gateway.cli('wallet', 'create', 'a', '--parrent', 'b'), 2, /--parent/);
  fails(gateway.cli('wallet', 'topup', 'agent', '--ref'), 2);
  for (const amount of ['x', '-5', '0.0000000001', '1e3', '', '99999999999999999999', 'NaN', '5 USD', '0'])
    fails(gateway.cli('wallet', 'topup', 'agent', '--', amount), 2);
  fails(gateway.cli('wallet', 'limit', 'agent', '--per', 'year', '--amount', '1'), 2, /hour|day|month/);
  fails(gateway.cli('wallet', 'limit', 'agent', '--per', 'day'), 2);
  fails(gateway.cli('key', 'create', 'agent', '--expires', 'tomorrow'), 2, /30d|RFC|T00:00:00Z/);
  fails(gateway.cli('wallet', 'create', 'a\nb'), 2);
});

test('exit 3: what is not there', () => {
  fails(gateway.cli('wallet', 'show', 'nobody'), 3, /nobody/);
  fails(gateway.cli('wallet', 'topup', 'nobody', '1'), 3, /nobody/);
  fails(gateway.cli('wallet', 'show', `w_${'0'.repeat(32)}`), 3);
  fails(gateway.cli('key', 'create', 'nobody'), 3, /nobody/);
  fails(gateway.cli('key', 'revoke', 'abcdefghij'), 3);
  fails(gateway.cli('wallet', 'refund', `t_${'1'.repeat(32)}`), 3);
  fails(gateway.cli('wallet', 'create', 'child', '--parent', 'nobody'), 3, /nobody/);
});

test('exit 4 and 5: money that is not there, and conflicts', () => {
  fails(gateway.cli('wallet', 'create', 'agent'), 5, /agent/);
  const first = gateway.run('wallet', 'topup', 'agent', '2', '--ref', 'invoice-1');
  assert.deepEqual(gateway.run('wallet', 'topup', 'agent', '2', '--ref', 'invoice-1').transfer, first.transfer);
  fails(gateway.cli('wallet', 'topup', 'agent', '3', '--ref', 'invoice-1'), 5, /ref/);
  const w = gateway.run('wallet', 'create', 'spender');
  const topup = gateway.run('wallet', 'topup', w.id, '1');
  gateway.run('wallet', 'refund', topup.transfer, '0.75');
  fails(gateway.cli('wallet', 'refund', topup.transfer, '0.5'), 5);
  gateway.run('wallet', 'create', 'kid', '--parent', 'spender');
  const r = gateway.cli('wallet', 'topup', 'kid', '1');
  assert.notEqual(r.status, 0);
  assert.match(r.stderr, /spender/, 'the root is not named');
});

test('errors are JSON where JSON was asked for', () => {
  const r = gateway.cli('wallet', 'show', 'nobody', '--json');
  assert.equal(r.status, 3);
  assert.equal(JSON.parse(r.stderr).error.code, 'not_found');
});

test('options stand anywhere, also as --name=value, and -- ends them', () => {
  const words = (...args) => spawnSync(octroi, args, { encoding: 'utf8' });
  const a = words('wallet', 'show', '--json', `--config=${gateway.file}`, 'agent');
  assert.equal(a.status, 0, a.stderr);
  assert.equal(JSON.parse(a.stdout).name, 'agent');
  const b = words('wallet', 'show', '--config', gateway.file, '--', 'agent');
  assert.equal(b.status, 0, b.stderr);
  const c = spawnSync(octroi, ['wallet', 'show', 'agent'], { encoding: 'utf8', env: { ...process.env, OCTROI_CONFIG: gateway.file } });
  assert.equal(c.status, 0, c.stderr);
});

test('every verb has help, and what can be read without a daemon is the same without', async (t) => {
  const overview = run('help');
  assert.equal(overview.status, 0);
  const verbs = [...overview.stdout.slice(overview.stdout.indexOf('usage:')).matchAll(/^ {2}([a-z]+(?: [a-z]+)?) {2,}/gm)].map((m) => m[1].split(' '));
  assert.ok(verbs.length > 20, overview.stdout);
  for (const verb of verbs) {
    const r = run(...verb, '--help');
    assert.equal(r.status, 0, verb.join(' '));
    assert.match(r.stdout, /usage: octroi/);
  }
  const read = [['wallet', 'list'], ['key', 'list'], ['wallet', 'statement', 'agent'], ['price', 'list'], ['model', 'list'], ['usage'], ['ledger', 'verify']];
  const with_ = read.map((words) => gateway.run(...words));
  await gateway.stop();
  t.after(() => gateway.start());
  const without = read.map((words) => gateway.run(...words));
  assert.deepEqual(without, with_);
});
