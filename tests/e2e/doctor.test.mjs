// SPDX-License-Identifier: Apache-2.0
// `octroi doctor` about payments: what is wrong with a node, a token, an account, a key or
// a facilitator is said in words, without a secret, and /readyz tells what follows.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { NETWORK, newAccount, startRpcFront, USDC } from './chain.mjs';
import { octroi, request } from './lib.mjs';
import { calm, chain, closeWorld, front, hex, lie, openWorld, restart, seller, until } from './paying.mjs';

let g;

before(async () => {
  await openWorld();
  g = await seller();
});
afterEach(calm);
after(closeWorld);

/** What it finds about the network, as lines "state text"; beside the node, which runs in
 * this process. */
async function doctor(gateway = g) {
  const { code, stdout } = await new Promise((done) => {
    execFile(octroi, ['doctor', '--json', '--config', gateway.file], { timeout: 60000 }, (error, out) => done({ code: error?.code ?? 0, stdout: out }));
  });
  const report = JSON.parse(stdout);
  const found = report.checks.filter((c) => c.name === NETWORK);
  assert.equal(code, report.ok ? 0 : 1);
  return { ok: report.ok, text: stdout, found: found.map((c) => `${c.state} ${c.detail}`), advice: found.map((c) => c.advice) };
}

/** A gateway with other words about its network. */
const changed = (more, options) => seller({ network: more }, options);

const fails = (d, pattern) => {
  assert.equal(d.ok, false);
  assert.ok(d.found.some((line) => pattern.test(line)), `${pattern} is not in\n${d.found.join('\n')}`);
};

/** A facilitator that answers GET /supported with this. */
async function facilitator(status, body) {
  const server = http.createServer((req, res) => {
    res.writeHead(req.url === '/v2/supported' ? status : 404, { 'content-type': 'application/json' });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${server.address().port}/v2/`, close: () => new Promise((done) => server.close(done)) };
}

const kind = (network, scheme = 'exact', x402Version = 2) => ({ x402Version, scheme, network });

test('a network that works is told as such, with what its account can still pay', async () => {
  const d = await doctor();
  assert.equal(d.ok, true, d.text);
  assert.equal(d.found.length, 4);
  assert.equal(d.found[0], `ok its settle_key can be read: ${g.settler.address}`);
  assert.match(d.found[1], /^ok the node is at block \d+$/);
  assert.match(d.found[2], new RegExp(`^ok ${g.settler.address} has gas for \\d{3,} payments`));
  assert.equal(d.found[3], `ok USDC is at ${USDC}`);
});

test('a node that does not answer, or answers with something else, fails', async () => {
  front.answer = () => null;
  fails(await doctor(), /^fail the node does not answer$/);
  front.answer = () => 502;
  fails(await doctor(), /^fail the node does not answer$/);
  lie('eth_chainId', (a) => ({ ...a, result: 'main' }));
  fails(await doctor(), /^fail what answers as the node is none$/);
});

test('a node of another chain fails', async () => {
  lie('eth_chainId', (a) => ({ ...a, result: '0x1' }));
  fails(await doctor(), /^fail the node is of the chain 1, not of 84532$/);
});

test('a head that is old, or of a time to come, fails', async () => {
  const at = (seconds) => {
    const time = hex(Math.floor(Date.now() / 1000) + seconds);
    front.answer = async (sent, ask) => {
      const answer = await ask();
      for (const call of [sent].flat()) {
        const one = [answer].flat().find((a) => a.id === call.id);
        if (call.method === 'eth_getBlockByNumber') one.result.timestamp = time;
      }
      return answer;
    };
  };
  at(-600);
  fails(await doctor(), /^fail the last block of the node is 60\d s old$/);
  at(600);
  fails(await doctor(), /^fail the last block of the node is of a time (600|599|598) s from now$/);
  at(-20);
  assert.equal((await doctor()).ok, true);
});

test('a token that is not there fails', async () => {
  const own = await changed({ asset: newAccount().address, asset_name: 'USDC', asset_version: '2', decimals: 6 });
  fails(await doctor(own), /^fail the node knows no token at 0x/);
});

test('an account without gas fails, one with little is a warning', async () => {
  lie('eth_getBalance', (a) => ({ ...a, result: '0x0' }));
  fails(await doctor(), /^fail 0x\w{40} has gas for 0 payments/);
  lie('eth_getBalance', (a) => ({ ...a, result: hex(10n ** 15n) }));
  const few = await doctor();
  assert.equal(few.ok, true);
  assert.match(few.found[2], /^warn 0x\w{40} has gas for [1-9]\d? payments/);
  assert.match(few.advice[2], /send it ether/);
});

test('a key that cannot be read fails, and nothing of it is told', async () => {
  const own = await seller();
  const file = path.join(own.dir, 'settle.key');
  fs.chmodSync(file, 0o644);
  fails(await doctor(own), /^fail its settle_key cannot be read: .*settle\.key/);
  fs.chmodSync(file, 0o600);
  fs.writeFileSync(file, `${own.settler.key.slice(2, 40)}\n`);
  const d = await doctor(own);
  fails(d, /^fail its settle_key cannot be read/);
  assert.ok(!d.text.includes(own.settler.key.slice(4, 20)));
});

test('neither the key nor the address of a node is told', async () => {
  const own = await changed({ rpc_url: `${front.url}/v1/rented-0123456789` });
  for (const answer of [null, () => null]) {
    front.answer = answer;
    const { text } = await doctor(own);
    assert.ok(!text.includes('rented-0123456789'));
    assert.ok(!text.includes(own.settler.key.slice(2)));
  }
});

test('a witness is looked at like the node', async () => {
  const second = await startRpcFront(chain);
  const own = await changed({ witness: { rpc_url: second.url } });
  const well = await doctor(own);
  assert.deepEqual([well.ok, well.found.length], [true, 5], well.text);
  assert.match(well.found[4], /^ok the witness is at block \d+$/);
  second.answer = () => null;
  const away = await doctor(own);
  fails(away, /^fail the witness does not answer$/);
  assert.match(away.found[1], /^ok the node is at block/);
  second.answer = async (sent, ask) => {
    const answer = await ask();
    for (const a of [answer].flat()) if ([sent].flat().find((c) => c.id === a.id).method === 'eth_chainId') a.result = '0x1';
    return answer;
  };
  fails(await doctor(own), /^fail the witness is of the chain 1, not of 84532$/);
  await second.close();
});

test('another facilitator is asked what it settles', async () => {
  const good = await facilitator(200, { kinds: [kind('eip155:1'), kind(NETWORK)] });
  const rows = [
    [good, null],
    [await facilitator(200, { kinds: [kind('base-sepolia', 'exact', 1)] }), null],
    [await facilitator(200, { kinds: [kind('eip155:*')] }), null],
    [await facilitator(200, { kinds: [kind('eip155:8453'), kind(NETWORK, 'upto')] }), /^fail the facilitator does not settle there$/],
    [await facilitator(200, { kinds: {} }), /^fail the facilitator does not say what it settles$/],
    [await facilitator(200, 'hello'), /^fail the facilitator does not say what it settles$/],
    [await facilitator(503, {}), /^fail GET \/supported of the facilitator answers 503$/],
  ];
  const own = await changed({ facilitator: good.url });
  for (const [one, pattern] of rows) {
    own.config.payments.x402.networks[0].facilitator = one.url;
    own.writeConfig();
    const d = await doctor(own);
    if (pattern) fails(d, pattern);
    else assert.deepEqual([d.ok, d.found[0]], [true, 'ok the facilitator settles there'], d.text);
    assert.equal(d.found.length, 3, d.found.join('\n')); // and the node that looks behind it
    await one.close();
  }
  fails(await doctor(own), /^fail the facilitator does not answer$/);
});

test('readiness tells that payments are down, and that they are up again', async () => {
  const ready = async () => {
    const r = await request(`${g.url}/readyz`);
    assert.equal(r.status, 200);
    return JSON.parse(r.body).payments;
  };
  await until('up', async () => (await ready())[NETWORK] === 'up');
  lie('eth_chainId', (a) => ({ ...a, result: '0x1' }));
  await restart(g); // a cashier that starts looks at once
  await until('down', async () => (await ready())[NETWORK] === 'down');
  calm();
  await until('up again', async () => (await ready())[NETWORK] === 'up');
});
