// SPDX-License-Identifier: Apache-2.0
// Publishers are paid on a chain: what they get is what was due, to 10^-6 USD, once,
// whatever dies, whoever sends it in, and however long the account has been empty.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, afterEach, before } from 'node:test';
import { parseTransaction } from 'viem';
import { accounts, NETWORK, newAccount, startChain, startRpcFront, USDC, usdcAbi } from './chain.mjs';
import { Gateway, json, nano, request, sleep, startUpstream } from './lib.mjs';

const [, seller, settler, stranger] = accounts;
const payer = newAccount();
const publisher = newAccount();
let chain, front, upstream, gateway, buyer;

before(async () => {
  chain = await startChain();
  front = await startRpcFront(chain);
  gateway = new Gateway({
    payments: {
      x402: { networks: [{ network: NETWORK, asset: 'USDC', pay_to: seller.address, facilitator: 'builtin', rpc_url: front.url, settle_key: { hex_file: './settle.key' } }] },
    },
    skills: { payout_delay: '0s', allow_private: true, review: 'findings', payout: { network: NETWORK, key: { hex_file: './payout.key' }, max_per_payout: '50' } },
  }, { init: false });
  fs.writeFileSync(path.join(gateway.dir, 'settle.key'), settler.key, { mode: 0o600 });
  fs.writeFileSync(path.join(gateway.dir, 'payout.key'), payer.key, { mode: 0o600 });
  const made = gateway.cli('init');
  assert.equal(made.status, 0, made.stderr);
  await gateway.start();
  await list();
});

/** acme lists a skill whose endpoints cost different amounts, and somebody can buy. */
async function list() {
  upstream = await startUpstream();
  upstream.handle = async (req, res) => json(res, 200, { rain: false });
  gateway.run('publisher', 'create', 'acme', '--address', publisher.address, '--network', NETWORK);
  const dir = path.join(gateway.dir, 'weather');
  fs.mkdirSync(dir);
  fs.writeFileSync(path.join(dir, 'SKILL.md'), '---\nname: weather\ndescription: Tells whether it rains somewhere.\n---\n# Weather\n\nAsk it.\n');
  gateway.run('skill', 'publish', dir, '--publisher', 'acme', '--version', '1.0.0');
  const endpoints = ['3.000002', '10', '90'].map((price) => ({ method: 'GET', path: `/rain/${price}`, price }));
  fs.writeFileSync(path.join(dir, 'endpoints.yaml'), JSON.stringify({ base_url: upstream.url, endpoints }));
  gateway.run('skill', 'offer', 'acme/weather', '--endpoints', path.join(dir, 'endpoints.yaml'));
  gateway.cli('skill', 'offer', 'acme/weather', '--accept');
  gateway.cli('skill', 'approve', 'acme/weather');
  buyer = gateway.wallet('buyer', '500');
}

/** The buyer uses the skill for one of its prices; the house keeps a tenth. */
async function earn(price) {
  let r;
  do r = await request(`${gateway.url}/v1/skills/acme/weather/rain/${price}`, { headers: { authorization: `Bearer ${buyer.key}` } });
  while (r.status === 503); // its offer has just changed
  assert.equal(r.status, 200, r.body);
}

after(async () => {
  await gateway?.close();
  await upstream?.close();
  await front?.close();
  await chain?.stop();
});

afterEach(() => {
  front.answer = null;
});

async function restart() {
  await gateway.stop();
  await gateway.start();
}

const pay = (...args) => gateway.run('publisher', 'pay', 'acme', ...args);
const payout = (id) => gateway.run('publisher', 'payouts').items.find((p) => p.id === id);
const transfers = () => chain.transfers({ from: payer.address });

async function admin(method, where) {
  const r = await fetch(`http://127.0.0.1:${gateway.adminPort}/admin/v1/${where}`, { method, headers: { authorization: 'Bearer admin-token-for-tests' } });
  assert.equal(r.status, 200);
  return r.json();
}

async function earnings() {
  const { due, underway, paid } = await admin('GET', 'publishers/acme/earnings');
  return { due, underway, paid };
}

/** The payout, when it is so. */
async function becomes(id, what, ms = 60000) {
  const until = Date.now() + ms;
  for (;;) {
    const p = payout(id);
    if (what(p)) return p;
    assert.ok(Date.now() < until, `it stays ${JSON.stringify(p)}\n${gateway.log.slice(-2000)}`);
    await sleep(50);
  }
}

const paid = (id) => becomes(id, (p) => p.state === 'paid');

/** It was paid by this one transfer, and the books are right. */
async function checkPaid(p, before) {
  const all = await transfers();
  assert.equal(all.length, before + 1);
  const { to, value, hash } = all.at(-1);
  assert.deepEqual([to, value * 1000n, hash], [publisher.address, nano(p.amount), p.reference]);
  gateway.laws();
}

/** Tokens for the payout account, which never has any of the chain's coin. */
const fill = (amount) => chain.as(stranger.address, USDC, usdcAbi, 'mint', [payer.address, amount]);
const drain = async () => chain.as(payer.address, USDC, usdcAbi, 'transfer', [stranger.address, await chain.balanceOf(payer.address)]);

test('what is due arrives on the chain, to the millionth, and the books say so', async () => {
  await fill(100000000n);
  await earn('3.000002'); // 2.7000018 of it are acme's
  const before = (await transfers()).length;
  const opened = pay();
  assert.equal(opened.amount, '2.700001000');
  await checkPaid(await paid(opened.id), before);
  assert.equal(await chain.balanceOf(publisher.address), 2700001n);
  assert.equal(await chain.etherOf(payer.address), 0n, 'the settle key pays the gas');
  assert.deepEqual(await earnings(), { due: '0.000000800', underway: '0.000000000', paid: '2.700001000' });
  assert.notEqual(gateway.cli('publisher', 'pay', 'acme').status, 0, 'what is left cannot be sent');
});

test('many payouts of one publisher are as many transfers', async () => {
  await earn('10');
  const before = (await transfers()).length;
  const opened = ['0.5', '0.25', '0.000001', '1'].map((amount) => pay('--amount', amount));
  for (const { id } of opened) await paid(id);
  const moved = (await transfers()).slice(before).map((t) => t.value).sort();
  assert.deepEqual(moved, [500000n, 250000n, 1n, 1000000n].sort());
  assert.equal(new Set(opened.map(({ id }) => payout(id).reference)).size, 4);
  gateway.laws();
});

test('an empty account is told, and the payout goes when it is filled', async () => {
  await earn('10');
  await drain();
  const before = (await transfers()).length;
  const { id } = pay('--amount', '1.5');
  const p = await becomes(id, (one) => one.reason?.includes('too few tokens'));
  assert.equal(p.state, 'sent');
  assert.equal((await transfers()).length, before);
  assert.equal((await earnings()).underway, '1.500000000');
  assert.notEqual(gateway.cli('publisher', 'pay', 'acme', '--amount', '50').status, 0, 'no more than is due');
  await fill(100000000n);
  await restart();
  await checkPaid(await paid(id), before);
});

test('who is suspended is not paid, nor what was sent for him again', async () => {
  await earn('10');
  await drain();
  const before = (await transfers()).length;
  const { id } = pay('--amount', '1');
  await becomes(id, (one) => one.reason?.includes('too few tokens'));
  gateway.run('publisher', 'suspend', 'acme');
  assert.notEqual(gateway.cli('publisher', 'pay', 'acme', '--amount', '1').status, 0);
  await fill(100000000n);
  await restart();
  await becomes(id, (one) => one.reason?.includes('suspended'));
  assert.equal((await transfers()).length, before);
  gateway.run('publisher', 'unsuspend', 'acme');
  await checkPaid(await paid(id), before);
});

test('more than the cap is not signed', async () => {
  await earn('90');
  const before = (await transfers()).length;
  const { id } = pay('--amount', '60');
  const p = await becomes(id, (one) => one.reason !== null);
  assert.match(p.reason, /max_per_payout/);
  assert.equal(p.state, 'open');
  assert.equal((await admin('POST', `payouts/${id}/failed`)).state, 'failed');
  assert.equal((await transfers()).length, before);
  gateway.laws();
});

test('killed at any word to the node, the next process pays once', { timeout: 300000 }, async (t) => {
  let kills = 0;
  for (let word = 1; word <= 10; word++) {
    for (const early of [true, false]) {
      const before = (await transfers()).length;
      let said = 0;
      let killed;
      front.answer = async (call, ask) => {
        if (killed || ++said !== word) return ask();
        const answer = early ? null : await ask();
        killed = true;
        gateway.child.kill('SIGKILL'); // ahead of the node, or of its answer
        return answer;
      };
      const { id } = pay('--amount', '0.125');
      while (!killed && payout(id).state !== 'paid') await sleep(20);
      front.answer = null;
      if (killed) {
        await gateway.exited;
        kills++;
        await gateway.start();
      }
      await checkPaid(await paid(id), before);
    }
  }
  t.diagnostic(`${kills} kills`);
  assert.ok(kills >= 4, `only ${kills} kills`);
});

test('killed at any moment, again and again, it pays each payout once', { timeout: 300000 }, async () => {
  const before = (await transfers()).length;
  const opened = [];
  front.answer = async (call, ask) => {
    await sleep(15);
    return ask();
  };
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 3; i++) opened.push(pay('--amount', '0.1'));
    await sleep((round * 29) % 130);
    gateway.child.kill('SIGKILL');
    await gateway.exited;
    await gateway.start();
  }
  for (const { id } of opened) await paid(id);
  const all = (await transfers()).slice(before);
  assert.equal(all.length, opened.length);
  assert.deepEqual(new Set(all.map((t) => t.hash)), new Set(opened.map(({ id }) => payout(id).reference)));
  assert.ok(all.every((t) => t.to === publisher.address && t.value === 100000n));
  assert.equal((await earnings()).underway, '0.000000000');
  gateway.laws();
});

test('whoever sends it in, it is paid, and once', async () => {
  const before = (await transfers()).length;
  let theirs;
  front.answer = async (call, ask) => {
    const one = [call].flat().find((c) => c.method === 'eth_sendRawTransaction');
    if (one && !theirs) {
      const { data } = parseTransaction(one.params[0]);
      theirs = await chain.wallet(stranger).sendTransaction({ to: USDC, data });
      await chain.receipt(theirs);
    }
    return ask();
  };
  const { id } = pay('--amount', '0.75');
  const p = await paid(id);
  assert.equal(p.reference, theirs);
  await checkPaid(p, before);
});

test('a node that is away is waited for', async () => {
  const before = (await transfers()).length;
  front.answer = async () => 503;
  const { id } = pay('--amount', '0.5');
  await becomes(id, (one) => one.reason !== null);
  assert.equal(payout(id).state, 'sent');
  front.answer = null;
  await checkPaid(await paid(id), before);
});
