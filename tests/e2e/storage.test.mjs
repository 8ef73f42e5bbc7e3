// SPDX-License-Identifier: Apache-2.0
// The disk fills up, the store is gone, cut, or somebody else's, two daemons want it, and it
// is copied while it is written to.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { Gateway, cost, json, nano, recorded, request, sleep, startUpstream, usd } from './lib.mjs';

const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
const messages = [{ role: 'user', content: 'Say this is a test' }];
const whole = recorded('en-chat-basic.response.json');
const wholeCost = cost(JSON.parse(whole).usage, price);
let upstream;

before(async () => {
  upstream = await startUpstream();
  upstream.handle = (req, res) => json(res, 200, whole);
});

after(() => upstream?.close());

function make(t, server) {
  const g = new Gateway({
    server,
    providers: { up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true } },
    models: { m: { targets: [{ provider: 'up', model: 'real' }], price } },
    limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0 },
  });
  t.after(() => g.close());
  return g;
}

const chat = (g, key, headers = {}) =>
  request(`${g.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers }, body: JSON.stringify({ model: 'm', messages }) });

async function until(what, condition) {
  for (let i = 0; i < 200; i++) {
    if (await condition()) return;
    await sleep(50);
  }
  assert.fail(`${what}: not within 10 s`);
}

// ---- A full disk -----------------------------------------------------------------------

/** A file system of its own, so that it can be filled; null where it cannot be mounted. */
function mountSmall(megabytes) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0700`, 'tmpfs', dir]);
  const remove = () => fs.rmSync(dir, { recursive: true, force: true });
  if (mounted.status !== 0) {
    remove();
    return null;
  }
  const unmount = () => {
    if (spawnSync('umount', [dir]).status === 0) remove();
  };
  process.once('exit', unmount); // a test that fails leaves no mount behind
  return { dir, unmount };
}

const free = (dir) => {
  const s = fs.statfsSync(dir);
  return s.bavail * s.bsize;
};

/** Takes space until `leave` bytes are left. */
function fill(dir, leave) {
  const file = fs.openSync(path.join(dir, 'filler'), 'a');
  const piece = Buffer.alloc(1 << 20, 1);
  try {
    while (free(dir) > leave) fs.writeSync(file, piece, 0, Math.min(piece.length, Math.max(4096, free(dir) - leave)));
  } catch (error) {
    if (error.code !== 'ENOSPC') throw error;
  }
  fs.closeSync(file);
}

const empty = (dir) => fs.rmSync(path.join(dir, 'filler'));

test('G3 on a disk that fills up new calls are refused, running ones are booked, and space heals it', async (t) => {
  const disk = mountSmall(192);
  if (!disk) {
    t.skip('no file system can be mounted here (root with CAP_SYS_ADMIN needed)');
    return;
  }
  const g = make(t, { data_dir: path.join(disk.dir, 'var') });
  t.after(disk.unmount);
  await g.start();
  const w = g.wallet('w', '5');
  let left = nano('5');
  const spend = () => (left -= wholeCost);
  assert.equal((await chat(g, w.key)).status, 200);
  spend();

  // Little is left: the reserve is kept for what runs.
  let release = () => {};
  const held = new Promise((done) => (release = done));
  const count = upstream.calls.length;
  upstream.handle = async (req, res) => { await held; json(res, 200, whole); };
  const running = Array.from({ length: 10 }, (_, i) => chat(g, w.key, { 'idempotency-key': `running-${i}` }));
  await until('10 calls at the upstream', () => upstream.calls.length === count + 10);
  upstream.handle = (req, res) => json(res, 200, whole);
  fill(disk.dir, 16 << 20);
  await until('a refusal', async () => {
    const r = await chat(g, w.key);
    if (r.status === 200) {
      spend();
      return false;
    }
    assert.equal(r.status, 503, r.body.toString());
    assert.equal(JSON.parse(r.body).error.code, 'storage_full');
    assert.ok(Number(r.headers['retry-after']) > 0);
    return true;
  });
  assert.equal((await request(`${g.url}/readyz`)).status, 503);
  assert.equal((await request(`${g.url}/healthz`)).status, 200);
  const asked = upstream.calls.length;
  for (let i = 0; i < 20; i++) assert.equal((await chat(g, w.key)).status, 503);
  assert.equal(upstream.calls.length, asked, 'a refused call was sent on');

  // Nothing at all is left: what runs is booked all the same.
  fill(disk.dir, 0);
  release();
  for (const r of await Promise.all(running)) {
    assert.equal(r.status, 200, r.body.toString());
    assert.equal(r.headers['x-octroi-cost'], usd(wholeCost));
    spend();
  }
  assert.equal(usd(g.balance(w).balance), usd(left));
  assert.equal(g.run('ledger', 'verify').ok, true);

  empty(disk.dir);
  await until('service again', async () => (await request(`${g.url}/readyz`)).status === 200);
  const r = await chat(g, w.key);
  assert.equal(r.status, 200, r.body.toString());
  spend();
  await g.settled(w, left);

  // It starts on a full disk, refuses, and heals there too.
  await g.stop();
  fill(disk.dir, 0);
  await g.start();
  assert.equal((await chat(g, w.key)).status, 503);
  assert.equal(usd(g.balance(w).balance), usd(left));
  empty(disk.dir);
  await until('service again', async () => (await request(`${g.url}/readyz`)).status === 200);
  assert.equal((await chat(g, w.key)).status, 200);
  spend();
  await g.settled(w, left);
});

test('G3 a data folder is not half made on a full disk', (t) => {
  const disk = mountSmall(1);
  if (!disk) {
    t.skip('no file system can be mounted here (root with CAP_SYS_ADMIN needed)');
    return;
  }
  t.after(disk.unmount);
  const g = new Gateway({ server: { data_dir: path.join(disk.dir, 'var') } }, { init: false });
  fill(disk.dir, 0);
  const full = g.cli('init');
  assert.equal(full.status, 1, full.stderr);
  assert.ok(full.stderr.includes(disk.dir), full.stderr);
  empty(disk.dir);
  const r = g.cli('init');
  assert.equal(r.status, 0, `after space returned: ${r.stderr}`);
  assert.equal(g.run('ledger', 'verify').ok, true);
  fs.rmSync(g.dir, { recursive: true });
});

// ---- A store that is not one -----------------------------------------------------------

test('G7 a store that is missing, empty, foreign or cut is refused with words on what to do', async (t) => {
  const g = make(t);
  await g.start();
  const w = g.wallet('w', '5');
  for (let i = 0; i < 200; i++) assert.equal((await chat(g, w.key)).status, 200);
  await g.stop();
  const store = path.join(g.dir, 'var/ledger.mdb');
  const good = fs.readFileSync(store);
  const used = good.length - (() => { let n = 0; while (good[good.length - 1 - n] === 0) n++; return n; })();
  const faults = {
    missing: () => fs.rmSync(store),
    empty: () => fs.writeFileSync(store, ''),
    'a text': () => fs.writeFileSync(store, 'not a store\n'.repeat(10000)),
    zeroes: () => fs.writeFileSync(store, Buffer.alloc(good.length)),
    'random bytes': () => fs.writeFileSync(store, Buffer.from(Array.from({ length: 65536 }, (_, i) => (i * 2654435761) >>> 24))),
    'cut to a page': () => fs.writeFileSync(store, good.subarray(0, 4096)),
    'cut in half': () => fs.writeFileSync(store, good.subarray(0, Math.floor(used / 2))),
    'cut within a page': () => fs.writeFileSync(store, good.subarray(0, Math.floor(used / 2) + 1000)),
  };
  for (const [what, damage] of Object.entries(faults)) {
    damage();
    g.launch();
    const end = await Promise.race([g.exited, sleep(15000).then(() => null)]);
    if (end === null) await g.stop('SIGKILL');
    assert.ok(end && end.signal === null && end.code > 0, `${what}: ${JSON.stringify(end)}\n${g.log}`);
    assert.ok(g.log.includes(path.join(g.dir, 'var')), `${what}: does not say where\n${g.log}`);
    assert.match(g.log, /octroi init|backup/, `${what}: does not say what to do\n${g.log}`);
    const cli = g.cli('wallet', 'list');
    assert.notEqual(cli.status, 0, what);
    assert.equal(cli.stdout, '', what);
    assert.ok(what === 'missing' ? !fs.existsSync(store) : fs.existsSync(store), `${what}: the store was replaced`);
    fs.rmSync(store, { force: true });
    fs.writeFileSync(store, good, { mode: 0o600 });
  }
  await g.start();
  await g.settled(w, nano('5') - wholeCost * 200n);
});

test('G6 a byte that changed is found by verify, and nobody is charged by it', async (t) => {
  const g = make(t);
  await g.start();
  const w = g.wallet('w', '5');
  for (let i = 0; i < 50; i++) assert.equal((await chat(g, w.key)).status, 200);
  await g.stop();
  const store = path.join(g.dir, 'var/ledger.mdb');
  const good = fs.readFileSync(store);
  // Where the journal says whose call it was, and which model it asked for.
  for (const what of [w.id, w.keyId]) {
    const at = good.lastIndexOf(what.startsWith('w_') ? Buffer.from(what.slice(2), 'hex') : Buffer.from(what));
    if (at < 0) continue;
    const bad = Buffer.from(good);
    bad[at] ^= 1;
    fs.writeFileSync(store, bad);
    const verify = g.cli('ledger', 'verify', '--json');
    if (verify.status === 0) continue; // a page that is no longer in use
    assert.ok(verify.stdout.includes('"ok":false') || verify.stderr.includes('backup'), verify.stdout + verify.stderr);
  }
  fs.writeFileSync(store, good);
  await g.start();
  await g.settled(w, nano('5') - wholeCost * 50n);
});

test('G13 a second daemon on the folder is refused, a second on the port too', async (t) => {
  const g = make(t);
  await g.start();
  const w = g.wallet('w', '5');
  const r = g.cli('serve');
  assert.equal(r.status, 5, r.stderr);
  assert.match(r.stderr, /another octroi has the data folder .*var/);
  const init = g.cli('init');
  assert.equal(init.status, 5, init.stderr);
  assert.equal((await chat(g, w.key)).status, 200);
  await g.settled(w, nano('5') - wholeCost);
});

// ---- Copies ----------------------------------------------------------------------------

test('G16 a backup under load is a whole book, and serves', async (t) => {
  const g = make(t);
  await g.start();
  const w = g.wallet('w', '100');
  let over = false;
  let calls = 0;
  const work = Array.from({ length: 8 }, async () => {
    while (!over) {
      const r = await chat(g, w.key);
      assert.equal(r.status, 200, r.body.toString());
      calls++;
    }
  });
  const copies = [];
  for (let i = 0; i < 5; i++) {
    await sleep(200);
    const to = path.join(g.dir, `backup-${i}`);
    const r = g.cli('ledger', 'backup', to);
    assert.equal(r.status, 0, r.stderr);
    assert.ok(!fs.existsSync(path.join(to, 'master.key')), 'the keys are in the backup');
    assert.match(r.stderr, /master\.key/, 'it does not say that the keys are not in it');
    copies.push(to);
  }
  assert.equal(g.cli('ledger', 'backup', copies[0]).status, 5, 'a copy was replaced');
  over = true;
  await Promise.all(work);
  assert.ok(calls > 50, `${calls} calls`);
  let records = 0;
  for (const to of copies) {
    const copy = new Gateway({ ...g.config, server: { data_dir: to } }, { init: false });
    fs.copyFileSync(path.join(g.dir, 'var/master.key'), path.join(to, 'master.key'));
    fs.chmodSync(path.join(to, 'master.key'), 0o600);
    const verify = copy.run('ledger', 'verify');
    assert.deepEqual([verify.ok, verify.faults], [true, []], to);
    assert.ok(verify.records > records, 'a later copy has more in it');
    records = verify.records;
    copy.laws();
    if (to === copies.at(-1)) {
      t.after(() => copy.close());
      await copy.start();
      const { balance, held } = copy.balance(w);
      assert.equal(held, 0n, 'what was in flight when the copy was made is still held');
      const rows = copy.statement(w).filter((row) => row.kind !== 'topup');
      assert.equal(usd(balance), usd(nano('100') - BigInt(rows.length) * wholeCost));
      assert.equal((await chat(copy, w.key)).status, 200);
    } else {
      fs.rmSync(copy.dir, { recursive: true });
    }
  }
  await g.settled(w, nano('100') - BigInt(calls) * wholeCost);
});
