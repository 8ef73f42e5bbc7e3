// SPDX-License-Identifier: Apache-2.0
// packaging/local-chain is true: every line that it prints for copying is run here as it
// stands, money moves on the chain and in the books by what it says, and nothing stays
// behind.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { octroi, sleep } from './lib.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);
const source = process.env.SOURCE ?? path.join(here, '../..');
const script = path.join(source, 'packaging/local-chain');
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-local-chain-'));
const env = { ...process.env, OCTROI: octroi, LAB: here };
let lab, printed, lines;

before(async () => {
  lab = spawn(script, ['--dir', dir, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'pipe'], env });
  process.once('exit', () => lab.kill('SIGKILL')); // what it started dies with it
  [printed, lab.said] = ['', ''];
  lab.stderr.on('data', (d) => (lab.said += d));
  lab.exited = new Promise((done) => lab.on('close', (code) => done(code)));
  await new Promise((resolve, reject) => {
    lab.stdout.on('data', (d) => {
      printed += d;
      if (printed.includes('Ctrl-C')) resolve();
    });
    lab.exited.then((code) => reject(new Error(`it ended with ${code}:\n${lab.said}`)));
  });
  lines = printed.split('\n').filter((l) => l.startsWith('  ')).map((l) => l.trim());
});

after(async () => {
  lab.kill('SIGKILL');
  await lab.exited;
  fs.rmSync(dir, { recursive: true, force: true });
});

/** The printed line that has these words, run in a shell after the first two. */
function run(words, more = '') {
  const line = lines.find((l) => l.includes(words));
  assert.ok(line, `no line with ${words}:\n${printed}`);
  const shell = spawnSync('sh', ['-ec', [...lines.slice(0, 2), line + more].join('\n')], { encoding: 'utf8', timeout: 60000 });
  return { status: shell.status, out: shell.stdout, err: shell.stderr };
}

function works(words, more) {
  const r = run(words, more);
  assert.equal(r.status, 0, `${words}: ${r.err}${r.out}`);
  return r;
}

const START = 10000000; // what start.mjs gives
const micro = (amount) => Math.round(Number(amount) * 1e6);

/** Millionths of a dollar, by name of account. */
function onChain() {
  const rows = works('balances.mjs').out.trim().split('\n').map((row) => row.split(/ +/));
  return Object.fromEntries(rows.map(([name, , amount]) => [name, micro(amount)]));
}

function balanceOf(wallets, name) {
  return wallets.find((w) => w.name.startsWith(name)).balance;
}

const receiptOf = (r) => JSON.parse(/^receipt (.*)$/m.exec(r.err)[1]);

test('an unpaid call gets 402 with offers of every kind', () => {
  const r = works('curl -si');
  assert.match(r.out, /^HTTP\/1\.1 402 /);
  assert.match(r.out, /^payment-required: /im);
  assert.match(r.out, /^www-authenticate: Payment .*method="evm"/im);
  const body = JSON.parse(r.out.slice(r.out.indexOf('\r\n\r\n')));
  assert.equal(body.accepts[0].maxAmountRequired, '5000');
});

test('pay.mjs pays it, and the shop has the money', () => {
  const before = onChain();
  const paid = works('pay.mjs');
  assert.equal(JSON.parse(paid.out).query, 'toll');
  assert.equal(receiptOf(paid).success, true);
  const now = onChain();
  assert.deepEqual([now.payer - before.payer, now.shop - before.shop], [-5000, 5000]);
});

test('a chat is paid by a quote, and what is not used is the payer\'s', () => {
  const before = onChain();
  const r = works('/chat/completions');
  assert.equal(JSON.parse(r.out).object, 'chat.completion');
  const now = onChain();
  const spent = before.payer - now.payer;
  assert.ok(spent > 0);
  assert.equal(now.shop - before.shop, spent);
  const wallets = JSON.parse(works('wallet list', ' --json').out).items;
  const usage = JSON.parse(works('usage', ' --json').out).items;
  const cost = Number(usage.find((u) => u.kind === 'chat').amount) * 1e6;
  assert.equal(Math.round((Number(balanceOf(wallets, 'payer-')) * 1e6 + cost) * 1000), spent * 1000);
});

test('the credit pays a call, and nothing moves on the chain', () => {
  const before = onChain();
  const credit = () => micro(balanceOf(JSON.parse(works('wallet list', ' --json').out).items, 'payer-'));
  const had = credit();
  assert.equal(JSON.parse(works('spend.mjs').out).id, 'eth');
  assert.equal(had - credit(), 1000);
  assert.deepEqual(onChain(), before);
});

test('a payment opens a wallet', () => {
  const before = onChain();
  const told = JSON.parse(works('topup').out);
  assert.match(told.key, /^sk-oct-/);
  assert.equal(told.balance, '0.500000000');
  assert.equal(onChain().shop - before.shop, 500000);
});

test('mppx pays it by MPP', () => {
  const before = onChain();
  assert.equal(JSON.parse(works('mppx').out).query, 'toll');
  const now = onChain();
  assert.deepEqual([now.payer - before.payer, now.shop - before.shop], [-5000, 5000]);
});

test('octroi pay buys from an unmodified seller', () => {
  const before = onChain();
  const r = works('octroi pay');
  assert.equal(JSON.parse(r.out).city, 'Rome');
  const now = onChain();
  assert.deepEqual([now.buyer - before.buyer, now.seller - before.seller], [-10000, 10000]);
});

test('a data API that wants to be paid is, and the agent\'s wallet pays for it', () => {
  const before = onChain();
  const r = works('weather/weather');
  assert.equal(JSON.parse(r.out).city, 'Rome');
  const now = onChain();
  assert.deepEqual([now.buyer - before.buyer, now.seller - before.seller], [-10000, 10000]);
  assert.equal(balanceOf(JSON.parse(works('wallet list', ' --json').out).items, 'agents'), '4.985000000');
});

test('the books are in order, and have what the chain has', () => {
  const { house, fees } = JSON.parse(works('ledger stats', ' --json').out);
  const chain = onChain();
  assert.equal(micro(house.chain), chain.shop);
  assert.equal(micro(house.receivable), 0);
  assert.equal(micro(house.spent), START - chain.buyer);
  assert.deepEqual(fees.map((f) => f.network), ['eip155:84532']);
  assert.ok(Number(fees[0].coin) > 0);
  const verify = spawnSync(octroi, ['ledger', 'verify', '--config', path.join(dir, 'octroi.yaml')], { encoding: 'utf8' });
  assert.equal(verify.status, 0, verify.stderr + verify.stdout);
});

test('a second one in the same folder is refused', () => {
  const second = spawnSync(script, ['--dir', dir, '--listen', '127.0.0.1:0'], { encoding: 'utf8', env });
  assert.equal(second.status, 1);
  assert.match(second.stderr, /another one runs/);
});

test('a word that it does not know is a usage error', () => {
  for (const args of [['--bad'], ['word'], ['--dir']]) assert.equal(spawnSync(script, args, { env }).status, 2, args);
});

test('Ctrl-C ends it and all that it started', async () => {
  const children = fs.readFileSync(`/proc/${lab.pid}/task/${lab.pid}/children`, 'utf8').trim().split(' ').map(Number);
  assert.equal(children.length, 3);
  lab.kill('SIGINT');
  assert.equal(await lab.exited, 0, lab.said);
  for (const pid of children)
    for (let tries = 0; fs.existsSync(`/proc/${pid}`); tries++) {
      assert.ok(tries < 200, `${pid} stayed`);
      await sleep(50);
    }
});
