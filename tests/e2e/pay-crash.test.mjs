// SPDX-License-Identifier: Apache-2.0
// The gateway is killed (SIGKILL) while strangers pay it on a chain that answers slowly,
// again and again. Every client repeats the same payment until it is told for certain how
// it went. In the end: no payment bought two calls, nobody paid twice, what left a payer on
// the chain is what its calls cost and what it has to its credit, and the books are right.
// PAY_CRASH_ROUNDS: how many kills (12).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import test, { after, before } from 'node:test';
import { accounts, newAccount, startChain, startRpcFront } from './chain.mjs';
import { clientV2, headerJson } from './clients.mjs';
import { Gateway, json, nano, request, sleep, startUpstream, usd } from './lib.mjs';

const rounds = Number(process.env.PAY_CRASH_ROUNDS ?? 12);
const workers = 8;
const [, seller, settler] = accounts;
const START = 1000000000n;
const price = { input: '1.25', output: '10' };
const whole = { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'three tokens here' }, finish_reason: 'stop' }], usage: { prompt_tokens: 7, completion_tokens: 3 } };
const executed = new Map();
let chain, front, upstream, gateway;
const payers = [];

before(async () => {
  chain = await startChain();
  front = await startRpcFront(chain);
  let turn = 0;
  front.answer = async (call, ask) => {
    await sleep((turn++ * 7) % 23);
    const answer = await ask();
    await sleep((turn * 11) % 17);
    return answer;
  };
  upstream = await startUpstream();
  upstream.handle = async (req, res, body) => {
    const name = req.url.startsWith('/v1') ? JSON.parse(body).user : new URL(req.url, upstream.url).searchParams.get('name');
    executed.set(name, (executed.get(name) ?? 0) + 1);
    await sleep(Math.random() * 25);
    return json(res, 200, req.url.startsWith('/v1') ? whole : { name });
  };
  gateway = new Gateway({
    providers: { up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true } },
    models: { m: { targets: [{ provider: 'up', model: 'm' }], price, hold_output_tokens: 100 } },
    data_apis: {
      d: {
        base_url: upstream.url,
        allow_private: true,
        endpoints: [
          { method: 'GET', path: '/now', price: '0.003' },
          { method: 'GET', path: '/later', price: '0.004', payment_flow: 'after' },
        ],
      },
    },
    payments: {
      x402: {
        max_debt: '50',
        networks: [{ network: 'eip155:84532', asset: 'USDC', pay_to: seller.address, facilitator: 'builtin', rpc_url: front.url, allow_private: true, settle_key: { hex_file: './settle.key' } }],
      },
    },
    limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0 },
  }, { init: false });
  fs.writeFileSync(path.join(gateway.dir, 'settle.key'), settler.key, { mode: 0o600 });
  const made = gateway.cli('init');
  assert.equal(made.status, 0, made.stderr);
  await gateway.start();
  for (let i = 0; i < workers; i++) {
    const account = newAccount();
    await chain.mint(account.address, START);
    await chain.fund(account.address);
    await chain.approve(account.address);
    payers.push({ account, exact: clientV2(account), upto: clientV2(account, { schemes: ['upto'], spend: false }) });
  }
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
  await front?.close();
  await chain?.stop();
});

function callOf(kind, name) {
  if (kind === 'now' || kind === 'later') return [`/v1/data/d/${kind}?name=${name}`, {}];
  return ['/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', user: name, messages: [{ role: 'user', content: 'Say something' }] }) }];
}

/** Asks until something answers, whatever it says. */
async function ask(where, options, until) {
  while (Date.now() < until) {
    const r = await request(gateway.url + where, options).catch(() => null);
    if (r?.complete) return r;
    await sleep(20);
  }
  throw new Error(`nothing answers ${where}`);
}

/** One payment, repeated as it is until its fate is certain. */
async function buy(payer, kind, name) {
  const until = Date.now() + 60000;
  const [where, options] = callOf(kind, name);
  let required;
  do required = headerJson((await ask(where, options, until)).headers, 'payment-required');
  while (!required && Date.now() < until);
  const payload = await payer[kind === 'upto' ? 'upto' : 'exact'].createPaymentPayload(required);
  const signature = Buffer.from(JSON.stringify(payload)).toString('base64');
  for (;;) {
    const r = await ask(where, { ...options, headers: { ...options.headers, 'payment-signature': signature } }, until);
    const code = r.status === 200 ? 'ok' : (JSON.parse(r.body).error ?? JSON.parse(r.body)).code;
    if (r.status === 503 || code === 'idempotency_in_flight') {
      assert.ok(Date.now() < until, `${kind} ${name} is still ${code}`);
      await sleep(50);
      continue;
    }
    return code;
  }
}

const fates = {};

async function work(round, payer, index) {
  const kinds = ['now', 'later', 'upto', 'exact'];
  for (let count = 0; !round.over; count++) {
    const kind = kinds[(index + count) % kinds.length];
    const name = `${round.number}-${index}-${count}`;
    const fate = await buy(payer, kind, name);
    fates[fate] = (fates[fate] ?? 0) + 1;
    // Paid and served; or never served and not taken, or credited.
    assert.ok(['ok', 'nonce_used', 'payment_credited', 'idempotency_answer_gone'].includes(fate), `${kind} ${name}: ${fate}`);
    assert.ok((executed.get(name) ?? 0) <= 1, `${kind} ${name} was executed ${executed.get(name)} times`);
  }
}

/** What a payer's calls have cost it, and what it has left, in nano-USD. */
function booked(account) {
  const name = `payer-${account.address.toLowerCase()}`;
  const shown = gateway.cli('wallet', 'show', name, '--json');
  const credit = shown.status === 0 ? nano(JSON.parse(shown.stdout).balance) : 0n;
  return { credit, held: shown.status === 0 ? nano(JSON.parse(shown.stdout).held) : 0n };
}

test(`${rounds} kills while strangers pay: no call twice, no payment twice, and nothing is lost`, { timeout: 900000 }, async (t) => {
  for (let number = 1; number <= rounds; number++) {
    const round = { number, over: false };
    const all = payers.map((payer, index) => work(round, payer, index));
    await sleep(150 + ((number * 137) % 700));
    gateway.child.kill('SIGKILL');
    await gateway.exited;
    gateway.config.server.listen = `127.0.0.1:${gateway.port}`; // clients come back to it
    gateway.writeConfig();
    await gateway.start();
    await sleep(300);
    round.over = true;
    await Promise.all(all);
    const verify = gateway.run('ledger', 'verify');
    assert.deepEqual([verify.ok, verify.faults], [true, []]);
  }
  t.diagnostic(JSON.stringify(fates));
  assert.ok(fates.ok > rounds * workers, 'the kills left time for nothing');

  // What the processes before left half-way is brought to its end.
  const sold = async () => (await chain.balanceOf(seller.address)) * 1000n;
  const sum = async () => {
    const rows = gateway.run('usage', '--by', 'wallet').items;
    const cost = rows.reduce((all, row) => all + nano(row.amount ?? row.cost), 0n);
    const credit = payers.reduce((all, p) => all + booked(p.account).credit, 0n);
    return { cost, credit };
  };
  let books, chainSays;
  for (let i = 0; i < 300; i++) {
    [books, chainSays] = [await sum(), await sold()];
    if (books.cost + books.credit === chainSays) break;
    await sleep(200);
  }
  assert.equal(usd(books.cost + books.credit), usd(chainSays), 'what came in on the chain is what was spent and what is left');
  for (const { account } of payers) assert.equal(booked(account).held, 0n);
  gateway.laws();
});
