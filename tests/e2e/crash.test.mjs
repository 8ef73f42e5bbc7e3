// SPDX-License-Identifier: Apache-2.0
// The whole gateway is killed (SIGKILL) under load, again and again, later in the midst of
// its start as well. After every restart: the book proves itself; nothing is on hold; every
// call that was acknowledged is booked with the cost that was told, once; what was not
// acknowledged is booked at most once; limits count what was spent; an idempotency key that
// was in flight neither executes nor charges a second time, a top-up's reference neither.
// An orderly stop breaks off nothing either. CRASH_ROUNDS: how many kills (100).
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import test, { after, before } from 'node:test';
import { Gateway, json, line, nano, octroi, request, sleep, startUpstream, usd } from './lib.mjs';

const rounds = Number(process.env.CRASH_ROUNDS ?? 100);
const startRounds = Math.min(10, rounds); // the last ones: kills during start-up too
const workers = 24;
const price = { input: '1.25', output: '10' };
const apiPrice = nano('0.003');
const fund = nano('1000');

let upstream, gateway;
const executed = new Map(); // by the name of a call: how often the upstream was asked for it

/** The same numbers in every run. */
function numbers(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 4294967296) * below);
  };
}

const usageOf = (name) => ({ prompt_tokens: 1 + (Number(name.split('-').at(-1)) % 50), completion_tokens: 3 });
const costOf = (usage) => line(usage.prompt_tokens, price.input) + line(usage.completion_tokens, price.output);

async function answer(req, res, body) {
  if (req.method === 'GET') {
    json(res, 200, { found: [] });
    return;
  }
  const call = JSON.parse(body);
  const usage = usageOf(call.user);
  executed.set(call.user, (executed.get(call.user) ?? 0) + 1);
  const head = { id: 'x', created: 1, model: 'm' };
  await sleep(Number(call.user.split('-').at(-1)) % 20);
  if (!call.stream) {
    json(res, 200, { ...head, object: 'chat.completion', choices: [{ index: 0, message: { role: 'assistant', content: 'three tokens here' }, finish_reason: 'stop' }], usage });
    return;
  }
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of ['three ', 'tokens ', 'here']) {
    res.write(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`);
    await sleep(3);
  }
  res.end(`data: ${JSON.stringify({ ...head, object: 'chat.completion.chunk', choices: [], usage })}\n\ndata: [DONE]\n\n`);
}

before(async () => {
  upstream = await startUpstream();
  upstream.handle = answer;
  gateway = new Gateway({
    providers: { up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true } },
    models: { m: { targets: [{ provider: 'up', model: 'm' }], price, hold_output_tokens: 100 } },
    data_apis: { d: { base_url: upstream.url, allow_private: true, endpoints: [{ method: 'GET', path: '/find', price: usd(apiPrice) }] } },
    limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0 },
  });
  await gateway.start();
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
});

// ---- The load --------------------------------------------------------------------------

/** One call to its end: {id, cost, due} when it was acknowledged, {refused} when it was not
 * taken, {broken} when not all of the answer came. */
async function call(round, kind, name) {
  const headers = { authorization: `Bearer ${round.wallet.key}` };
  const options = { headers, agent: round.agent };
  let url = `${gateway.url}/v1/data/d/find?name=${name}`;
  if (kind !== 'data') {
    url = `${gateway.url}/v1/chat/completions`;
    options.method = 'POST';
    headers['content-type'] = 'application/json';
    if (kind === 'idempotent') headers['idempotency-key'] = name;
    const asked = { model: 'm', user: name, messages: [{ role: 'user', content: 'Say something' }] };
    if (kind === 'stream') Object.assign(asked, { stream: true, stream_options: { include_usage: true } });
    options.body = JSON.stringify(asked);
  }
  const r = await request(url, options);
  const text = r.body.toString();
  if (!r.complete) return { broken: true };
  if (r.status !== 200) return { refused: (JSON.parse(text).error ?? JSON.parse(text)).code };
  if (kind === 'stream' && !text.endsWith('data: [DONE]\n\n')) return { broken: true };
  const cost = kind === 'stream' ? /"cost":"([0-9.]+)"/.exec(text)[1] : r.headers['x-octroi-cost'];
  return { id: r.headers['x-request-id'], cost: nano(cost), due: kind === 'data' ? apiPrice : costOf(usageOf(name)) };
}

async function work(round, next) {
  while (!round.over) {
    const name = `${round.number}-${round.count++}`;
    const kind = ['plain', 'stream', 'data', 'idempotent'][next(4)];
    const done = await call(round, kind, name).catch(() => ({ gone: true }));
    if (done.id === undefined) {
      assert.ok(round.over, `${kind} ${name} before the end: ${JSON.stringify(done)}`);
      if (kind === 'idempotent') round.pending.push(name);
      if (done.refused) assert.equal(done.refused, 'draining');
      round.broken += done.broken ? 1 : 0;
      return;
    }
    assert.equal(usd(done.cost), usd(done.due), `${kind} ${name}`);
    round.acknowledged.set(done.id, done.cost);
  }
}

/** A top-up by the command line, in flight or done when the signal comes. */
function topup(round) {
  const words = ['wallet', 'topup', round.wallet.id, '1', '--ref', `round-${round.number}`, '--config', gateway.file];
  return new Promise((done) => spawn(octroi, words, { stdio: 'ignore' }).on('exit', done));
}

/** Some time under load, then the signal. */
async function load(number, next, signal) {
  const wallet = gateway.wallet(`round-${number}`, usd(fund), ['--limit-per-day', '900']);
  const agent = new http.Agent({ keepAlive: true });
  const round = { number, wallet, agent, acknowledged: new Map(), pending: [], count: 0, broken: 0, over: false };
  const all = Array.from({ length: workers }, () => work(round, next));
  await sleep(200 + next(1000));
  const topped = topup(round);
  await sleep(next(30));
  round.over = true; // workers end with the connection, or with what has just come whole
  gateway.child.kill(signal);
  const begun = Date.now();
  const end = await gateway.exited;
  assert.ok(Date.now() - begun < 15000, `it took ${Date.now() - begun} ms to end`); // a call takes 50
  assert.deepEqual(end, signal === 'SIGKILL' ? { code: null, signal } : { code: 0, signal: null }, gateway.log.slice(-2000));
  await Promise.all(all);
  await topped;
  round.agent.destroy();
  return round;
}

async function killDuringStart(next) {
  for (let i = 0; i < 3; i++) {
    gateway.launch();
    await sleep(next(60));
    gateway.child.kill('SIGKILL');
    await gateway.exited;
  }
}

// ---- The proof -------------------------------------------------------------------------

function statement(wallet) {
  const rows = [];
  let from = [];
  for (;;) {
    const page = gateway.run('wallet', 'statement', wallet.id, ...from);
    rows.push(...page.items);
    if (page.next === null) return rows;
    from = ['--after', String(page.next)];
  }
}

async function prove(round) {
  const { wallet, acknowledged } = round;
  const verify = gateway.run('ledger', 'verify');
  assert.deepEqual([verify.ok, verify.faults], [true, []]);
  assert.equal(gateway.balance(wallet).held, 0n, 'something stayed on hold');

  // The reference makes the repeat harmless, whether or not the first one came through.
  gateway.run('wallet', 'topup', wallet.id, '1', '--ref', `round-${round.number}`);
  const booked = new Map();
  let left = 0n;
  let topups = 0;
  for (const row of statement(wallet)) {
    if (row.kind === 'topup') {
      topups++;
      left += nano(row.amount);
      continue;
    }
    left -= nano(row.amount);
    assert.ok(!booked.has(row.request_id), `${row.request_id} is booked twice`);
    booked.set(row.request_id, nano(row.amount));
  }
  assert.equal(topups, 2);
  for (const [id, cost] of acknowledged) {
    assert.ok(booked.has(id), `${id} was acknowledged and is lost`);
    assert.equal(usd(booked.get(id)), usd(cost), id);
  }
  const lost = booked.size - acknowledged.size;
  assert.ok(lost <= workers, `${lost} calls were booked that nobody heard of`);
  const shown = gateway.run('wallet', 'show', wallet.id);
  assert.equal(usd(nano(shown.balance)), usd(left), 'the balance is not the sum of the statement');
  const mine = JSON.parse((await request(`${gateway.url}/v1/wallet`, { headers: { authorization: `Bearer ${wallet.key}` } })).body);
  const day = mine.limits.find((l) => l.per === 'day');
  const spent = [...booked.values()].reduce((a, b) => a + b, 0n);
  // At midnight (UTC) the window begins anew.
  if (Date.parse(day.resets_at) - Date.now() < 86340000) assert.equal(usd(nano(day.used)), usd(spent), 'the limit does not count what was spent');
  assert.equal(nano(day.held), 0n);

  for (const name of round.pending) {
    const again = await call({ ...round, agent: false }, 'idempotent', name);
    if (again.id === undefined) assert.equal(again.refused, 'idempotency_answer_gone', `${name}: ${JSON.stringify(again)}`);
  }
  const charged = statement(wallet).filter((row) => row.kind !== 'topup').length;
  assert.ok(charged <= booked.size + round.pending.length);
  for (const name of round.pending) assert.ok((executed.get(name) ?? 0) <= 1, `${name} was executed ${executed.get(name)} times`);
  return lost;
}

test(`${rounds} kills under load lose nothing that was acknowledged and charge nothing twice`, { timeout: 1800000 }, async (t) => {
  const next = numbers(20261);
  const seen = { acknowledged: 0, unheard: 0, pending: 0 };
  for (let number = 1; number <= rounds; number++) {
    const round = await load(number, next, 'SIGKILL');
    if (number > rounds - startRounds) await killDuringStart(next);
    await gateway.start();
    seen.unheard += await prove(round);
    seen.acknowledged += round.acknowledged.size;
    seen.pending += round.pending.length;
    for (const [name, count] of executed) assert.equal(count, 1, `${name} was executed ${count} times`);
    executed.clear();
    upstream.calls.length = 0;
  }
  gateway.laws();
  t.diagnostic(`${rounds} kills: ${JSON.stringify(seen)}`);
  // Else the kills came when nothing was going on, and prove nothing.
  if (rounds >= 20) for (const [what, count] of Object.entries(seen)) assert.ok(count > 0, what);
});

test('orderly stops under load break off nothing that was begun', { timeout: 300000 }, async () => {
  const next = numbers(20262);
  for (let number = 1; number <= 10; number++) {
    const round = await load(`orderly-${number}`, next, 'SIGTERM');
    await gateway.start();
    assert.equal(round.broken, 0, 'an answer was cut');
    assert.equal(await prove(round), 0, 'a call was booked that nobody heard of');
    executed.clear();
  }
  gateway.laws();
});
