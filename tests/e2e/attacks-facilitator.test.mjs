// SPDX-License-Identifier: Apache-2.0
// Attacks by the facilitator that settles for us: one that lies, is slow, breaks off, or
// is not there. Once with a node of our own, which has the last word, and once without.
// And by strangers who would fill our memory. Group F of the threats.
import assert from 'node:assert/strict';
import test, { after, afterEach, before } from 'node:test';
import { accounts, newAccount, NETWORK } from './chain.mjs';
import { jsFacilitator, receiptOf } from './clients.mjs';
import { request, sleep, wire } from './lib.mjs';
import { agree, base64, buy, calm, chain, closeWorld, errorOf, funded, house, openWorld, paid, pay, payment, refused, required, restart, seller, until, upstream } from './paying.mjs';

let facilitator, checked, trusting;

before(async () => {
  await openWorld();
  facilitator = await jsFacilitator({ chain, account: accounts[4] });
  checked = await seller({ network: { facilitator: facilitator.url } });
  trusting = await seller({ network: { facilitator: facilitator.url, rpc_url: undefined } });
});
afterEach(() => {
  calm();
  facilitator.answer = null;
});
after(async () => {
  await closeWorld();
  await facilitator?.close();
});

const at = (path, answer) => (facilitator.answer = async (where, body, honest) => (where === path ? answer(body, honest) : honest()));
const done = (transaction, more = {}) => ({ success: true, transaction, network: NETWORK, payer: accounts[0].address, ...more });

/** A transfer that has nothing to do with it. */
async function transferTo(to, value, from) {
  const account = from ?? (await funded());
  await chain.transfer(account.address, to, value);
  return (await chain.transfers({ from: account.address, to })).at(-1).hash;
}

/** The call is not served while the test waits; then its client gives up. */
async function isWithheld(g, where, p, what, ms = 2000) {
  const controller = new AbortController();
  const call = fetch(g.url + where, { signal: controller.signal, headers: { 'payment-signature': base64(p) } }).then((r) => r.status, () => 'waits');
  const status = await Promise.race([call, sleep(ms).then(() => 'waits')]);
  assert.ok(['waits', 402, 503].includes(status), `${what}: ${status}`);
  assert.equal(upstream.calls.length, 0, `${what}: it was served`);
  controller.abort();
  await call;
}

test('an honest facilitator settles, and our node agrees', async () => {
  for (const g of [checked, trusting])
    for (const where of ['/v1/data/d/q', '/v1/data/d/after']) {
      const account = await funded();
      const r = await buy(g, account, where);
      assert.equal(r.status, 200, `${r.body}`);
      await paid(g, account, where.endsWith('q') ? 5000n : 7000n);
    }
});

test('one that settles only what it was asked to verify settles both flows', async () => {
  const same = (a, b) => JSON.stringify(a.paymentPayload) === JSON.stringify(b.paymentPayload);
  at('/settle', (body, honest) => (facilitator.calls.some((c) => c.path === '/verify' && same(c.body, body)) ? honest() : { success: false, errorReason: 'Payment must be verified before settlement', network: 'unknown' }));
  for (const where of ['/v1/data/d/q', '/v1/data/d/after']) {
    const account = await funded();
    const r = await buy(trusting, account, where);
    assert.equal(r.status, 200, `${where}: ${r.body}`);
    await paid(trusting, account, where.endsWith('q') ? 5000n : 7000n);
  }
});

test('F22 a facilitator says success with a foreign, used, reverted or invented transaction', { timeout: 240000 }, async () => {
  const other = await funded();
  const used = await buy(checked, await funded(), '/v1/data/d/q?used');
  const hashes = {
    'of somebody else, to us': await transferTo(checked.payTo, 5000n, other),
    'to somebody else': await transferTo(accounts[8].address, 5000n),
    used: receiptOf(used.headers).transaction,
    'of the payer, but of another amount': null,
    invented: `0x${'ab'.repeat(32)}`,
    zero: `0x${'0'.repeat(64)}`,
    short: '0x1234',
    none: undefined,
  };
  upstream.calls.length = 0;
  const all = [];
  for (const [what, hash] of Object.entries(hashes)) {
    const account = await funded();
    const where = `/v1/data/d/q?l=${all.length}`;
    const p = await payment(account, await required(checked, where));
    all.push({ what, account, where, p, told: hash === null ? await transferTo(checked.payTo, 1n, account) : hash });
  }
  at('/settle', (body) => done(all.find((one) => one.p.payload.authorization.nonce === body.paymentPayload.payload.authorization.nonce).told));
  await Promise.all(all.map(({ what, where, p }) => isWithheld(checked, where, p, what, 5000)));
  // Honest again: the same headers are brought to their end, and paid once.
  facilitator.answer = null;
  await until('an end of all', async () => (await Promise.all(all.map(({ where, p }) => pay(checked, where, p)))).every((r) => r.status === 200), 150000);
  assert.equal(upstream.calls.length, all.length);
  for (const { what, account } of all) assert.equal((await chain.transfers({ from: account.address, to: checked.payTo })).filter((t) => t.value === 5000n).length, 1, what);
  // What came in beside payments is nobody's credit: 5000 units, and 1.
  await until('the books', () => house(checked).receivable === 0n);
  assert.equal((await chain.balanceOf(checked.payTo)) * 1000n - house(checked).chain, 5001000n);
  checked.laws();
});

test('F22 a facilitator says no after it has taken the money: our node knows better', async () => {
  const account = await funded();
  const p = await payment(account, await required(checked, '/v1/data/d/q?no'));
  at('/settle', async (body, honest) => {
    await honest();
    return { success: false, errorReason: 'unexpected_settle_error', transaction: '', network: NETWORK };
  });
  const r = await pay(checked, '/v1/data/d/q?no', p);
  assert.equal(r.status, 200, `${r.body}`);
  assert.equal((await chain.transfers({ from: account.address })).length, 1);
});

test('F17 it takes the money and breaks off, answers 5xx or nonsense: served once, paid once', async () => {
  const ends = { 'broken off': () => null, 500: () => 500, nonsense: () => 'what', list: () => [], 'no hash': () => ({ success: true }), 'success as text': () => done(`0x${'1'.repeat(64)}`, { success: 'true' }) };
  for (const [what, end] of Object.entries(ends)) {
    const where = `/v1/data/d/q?e=${encodeURIComponent(what)}`;
    const account = await funded();
    const p = await payment(account, await required(checked, where));
    at('/settle', async (body, honest) => {
      await honest();
      return end();
    });
    upstream.calls.length = 0;
    const r = await pay(checked, where, p);
    assert.equal(r.status, 200, `${what}: ${r.status} ${r.body}`);
    assert.equal(upstream.calls.length, 1, what);
    assert.equal((await chain.transfers({ from: account.address })).length, 1, what);
  }
});

test('F17 without a node: an outcome that is not told is pending, and the same header ends it', async () => {
  const ends = { 'broken off': () => null, 500: () => 500, nonsense: () => ({ what: 1 }), pending: () => ({ success: false, errorReason: 'settlement_pending', transaction: '', network: NETWORK }), 'no hash': () => ({ success: true }) };
  for (const [what, end] of Object.entries(ends)) {
    const where = `/v1/data/d/q?t=${encodeURIComponent(what)}`;
    const account = await funded();
    const p = await payment(account, await required(trusting, where));
    let truth;
    at('/settle', async (body, honest) => {
      truth ??= await honest();
      return end();
    });
    upstream.calls.length = 0;
    for (let i = 0; i < 3; i++) {
      const r = await pay(trusting, where, p);
      assert.equal(r.status, 503, `${what}: ${r.status} ${r.body}`);
      assert.equal(errorOf(r).code, 'settlement_pending', what);
      assert.equal(r.headers['payment-required'], undefined, what);
      assert.equal(JSON.parse(r.body).accepts, undefined, what);
    }
    assert.equal(upstream.calls.length, 0, what);
    at('/settle', () => truth); // a facilitator says the same again
    await until(`${what}: an end`, async () => (await pay(trusting, where, p)).status === 200);
    assert.equal(upstream.calls.length, 1, what);
    await paid(trusting, account, 5000n);
  }
});

test('F16 F21 verify: no, broken off, 5xx, nonsense: nothing is served, and nothing owed', async () => {
  const ends = [[() => ({ isValid: false, invalidReason: 'invalid_exact_evm_insufficient_balance' }), 402], [() => ({ isValid: false, invalidReason: '"><script>' }), 402], [() => null, 503], [() => 500, 503], [() => ({ isValid: 'true' }), 503], [() => [], 503], [() => ({}), 503]];
  for (const [end, status] of ends) {
    const account = await funded();
    const p = await payment(account, await required(trusting, '/v1/data/d/after'));
    at('/verify', end);
    const r = await pay(trusting, '/v1/data/d/after', p);
    await refused(trusting, r, status, undefined, String(end));
    assert.ok(!r.body.includes('<script'));
    facilitator.answer = null;
    await until('it is up again', async () => (await pay(trusting, '/v1/data/d/after', p)).status === 200);
    upstream.calls.length = 0;
    await paid(trusting, account, 7000n);
  }
});

test('F21 no facilitator: payments are refused before any work, calls with a key are not', async () => {
  const gone = await jsFacilitator({ chain, account: accounts[4] });
  const own = await seller({ network: { facilitator: gone.url, rpc_url: undefined } });
  const w = own.wallet('w', '5');
  const account = await funded();
  const p = await payment(account, await required(own, '/v1/data/d/q'));
  await gone.close();
  for (let i = 0; i < 5; i++) {
    const r = await pay(own, '/v1/data/d/q', p);
    await refused(own, r, 503); // it was tried, or was not: the same header is good in both cases
    assert.ok(['settlement_unavailable', 'settlement_pending'].includes(errorOf(r).code));
    assert.equal(r.headers['payment-required'], undefined);
  }
  assert.equal((await request(`${own.url}/v1/data/d/q`, { headers: { authorization: `Bearer ${w.key}` } })).status, 200);
  assert.equal(house(own).chain, 0n);
  own.laws();
});

test('F17 killed while the facilitator thinks: the next process ends it, once', async () => {
  const account = await funded();
  const p = await payment(account, await required(checked, '/v1/data/d/q?k'));
  let came = 0;
  at('/settle', async (body, honest) => {
    came++;
    const answer = await honest();
    if (came === 1) await sleep(60000);
    return answer;
  });
  const first = pay(checked, '/v1/data/d/q?k', p).catch(() => null);
  await until('the money', async () => (await chain.transfers({ from: account.address })).length === 1);
  await restart(checked);
  await first;
  upstream.calls.length = 0;
  await until('the call', async () => (await pay(checked, '/v1/data/d/q?k', p)).status === 200);
  assert.equal(upstream.calls.length, 1);
  assert.equal((await chain.transfers({ from: account.address })).length, 1);
  checked.laws();
});

// ---- Strangers and memory --------------------------------------------------------------

test('payments of nobody\'s money leave nothing: no wallet, no credit, no debt', async () => {
  const own = await seller();
  const asked = await required(own, '/v1/data/d/q');
  const late = await required(own, '/v1/data/d/after');
  for (const [where, offer] of [['/v1/data/d/q', asked], ['/v1/data/d/after', late]]) {
    const all = await Promise.all(Array.from({ length: 40 }, async () => pay(own, where, await payment(newAccount(), offer))));
    assert.deepEqual([...new Set(all.map((r) => `${r.status} ${errorOf(r).code}`))], ['402 payer_without_funds']);
  }
  assert.equal(upstream.calls.length, 0);
  assert.deepEqual(own.run('wallet', 'list').items, []);
  await agree(own);
  assert.equal(house(own).chain, 0n);
});

test('what is no payment opens no larger body than none', async () => {
  const own = await seller();
  const junk = base64({ x402Version: 2 });
  for (const [what, header] of Object.entries({ none: '', junk: `PAYMENT-SIGNATURE: ${junk}\r\n`, 'junk of version 1': `X-PAYMENT: ${base64({ x402Version: 1 })}\r\n`, 'no base64': 'PAYMENT-SIGNATURE: !!\r\n' })) {
    const r = await wire(own.port, `POST /v1/chat/completions HTTP/1.1\r\nHost: octroi.test\r\nContent-Type: application/json\r\n${header}Content-Length: 2000000\r\n\r\n{`, { ms: 1500 });
    assert.deepEqual([what, r.statuses[0]], [what, 413]);
  }
});

test('payments that prove nothing yet share a bounded room for their bodies', async () => {
  const own = await seller({ limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0, connections_per_address: 0 } });
  const size = 8 << 20; // 64 MiB for each of two loops
  const worthless = base64(await payment(newAccount(), await required(own, '/v1/data/d/q'), { sign: (s) => s.replace(/^0x..../, '0x1111') }));
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: octroi.test\r\nContent-Type: application/json\r\nPAYMENT-SIGNATURE: ${worthless}\r\nContent-Length: ${size}\r\n\r\n{`;
  const all = await Promise.all(Array.from({ length: 40 }, () => wire(own.port, head, { ms: 2000 })));
  const waiting = all.filter((r) => r.statuses.length === 0).length;
  const busy = all.filter((r) => r.statuses[0] === 503).length;
  assert.ok(waiting <= 16, `${waiting} bodies of 8 MiB were waited for`);
  assert.equal(waiting + busy, 40, JSON.stringify(all.map((r) => r.statuses)));
  // They are gone, and so is what they took.
  const account = await funded();
  await until('room', async () => (await wire(own.port, head, { ms: 300 })).statuses.length === 0);
  assert.equal((await buy(own, account, '/v1/data/d/q')).status, 200);
  await paid(own, account, 5000n);
});
