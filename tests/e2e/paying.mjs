// SPDX-License-Identifier: Apache-2.0
// What the tests of attacks on payments share: sellers (a gateway each, with a recipient
// and a settling account of its own) on one chain behind a front that may lie, payments
// made by hand so that every part of them can be wrong, and the claims of each case:
// nothing was served, and chain and books agree to the last unit.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { authorize, newAccount, startChain, startRpcFront } from './chain.mjs';
import { headerJson } from './clients.mjs';
import { Gateway, json, nano, request, sleep, startUpstream, usd } from './lib.mjs';

export const START = 1000000n; // what a payer has: 1 USDC
export const price = { input: '1.25', output: '10' };
export const now = () => BigInt(Math.floor(Date.now() / 1000));
export const whole = { id: 'x', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'three tokens here' }, finish_reason: 'stop' }], usage: { prompt_tokens: 7, completion_tokens: 3 } };
export let chain, front, upstream;
const sellers = [];

const serveWell = (req, res, body) => json(res, 200, req.url.startsWith('/v1') ? whole : { url: req.url, body: body.toString() });

export async function openWorld(options) {
  chain = await startChain(options);
  front = await startRpcFront(chain);
  upstream = await startUpstream();
  upstream.handle = serveWell;
}

export async function closeWorld() {
  for (const g of sellers) await g.close();
  await upstream?.close();
  await front?.close();
  await chain?.stop();
}

/** After each case: the other sides are honest again. */
export function calm() {
  front.answer = null;
  upstream.handle = serveWell;
  upstream.calls.length = 0;
}

// ---- Sellers ---------------------------------------------------------------------------

export const endpoints = [
  { method: 'ANY', path: '/q', price: '0.005' },
  { method: 'ANY', path: '/other', price: '0.005' },
  { method: 'GET', path: '/dear', price: '0.01' },
  { method: 'GET', path: '/after', price: '0.007', payment_flow: 'after' },
];

/** A configuration; `network`: members of its network beside the usual ones; `mpp`: that
 * section, if it is to be there. */
function configOf({ network = {}, payments = {}, mpp, ...more }, g) {
  return {
    providers: { up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: ['sk-upstream-secret-0123456789'], allow_private: true } },
    models: { m: { targets: [{ provider: 'up', model: 'm' }], price, hold_output_tokens: 100 } },
    data_apis: { d: { base_url: upstream.url, allow_private: true, endpoints: structuredClone(endpoints) } },
    payments: {
      x402: {
        ...payments,
        networks: [{ network: 'eip155:84532', asset: 'USDC', pay_to: g.payTo, facilitator: 'builtin', rpc_url: front.url, allow_private: true, ...(network.facilitator ? {} : { settle_key: { hex_file: './settle.key' } }), ...network }],
      },
      ...(mpp && { mpp }),
    },
    limits: { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0 },
    ...more,
  };
}

/** A gateway that sells; funds: the ether that its settling account has. */
export async function seller(more = {}, { funds = '100', payTo = newAccount().address, settler = newAccount() } = {}) {
  const g = new Gateway({}, { init: false });
  g.payTo = payTo;
  g.settler = settler;
  const { server } = g.config;
  g.config = { ...configOf(more, g), server: { ...server, ...more.server } };
  g.writeConfig();
  fs.writeFileSync(path.join(g.dir, 'settle.key'), g.settler.key, { mode: 0o600 });
  const made = g.cli('init');
  assert.equal(made.status, 0, made.stderr);
  await chain.fund(g.settler.address, funds);
  sellers.push(g);
  return g.start();
}

/** As after a power cut, on the same port. */
export async function restart(g, signal = 'SIGKILL') {
  g.child.kill(signal);
  await g.exited;
  g.config.server.listen = `127.0.0.1:${g.port}`;
  g.writeConfig();
  await g.start();
}

// ---- Payers ----------------------------------------------------------------------------

export async function funded(amount = START) {
  const account = newAccount();
  await chain.mint(account.address, amount);
  return account;
}

export const chat = (more = {}) => ({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Say this' }], ...more }) });

/** The offers of an unpaid call. */
export async function required(g, where, options) {
  const r = await request(g.url + where, options);
  assert.equal(r.status, 402, `${r.body}`);
  return headerJson(r.headers, 'payment-required');
}

/** A payment of version 2 for the first offer. `terms`: other than it says, and signed
 * so; `wrong`: members of the authorization that are changed after signing; `accepted`:
 * of the echo; `sign`: makes another signature of the good one; `top`: members of the
 * payload beside. */
export async function payment(account, asked, { terms = {}, wrong = {}, accepted = {}, sign = (s) => s, top = {} } = {}) {
  const offer = asked.accepts[0];
  const signed = await authorize(account, { to: offer.payTo, value: BigInt(offer.amount), ...terms });
  const { signature, ...message } = signed;
  const authorization = { ...message, value: String(message.value), validAfter: String(message.validAfter), validBefore: String(message.validBefore), ...wrong };
  return { x402Version: 2, resource: asked.resource, accepted: { ...offer, ...accepted }, payload: { signature: sign(signature), authorization }, ...top };
}

export const base64 = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64');

/** Calls with a payment; `p` may be a header's text already. */
export const pay = (g, where, p, { headers = {}, ...options } = {}) =>
  request(g.url + where, { ...options, headers: { ...headers, 'payment-signature': typeof p === 'string' ? p : base64(p) } });

/** Pays a call of its own with new money: the answer, with the payment. */
export async function buy(g, account, where, options, terms) {
  const p = await payment(account, await required(g, where, options), { terms });
  const r = await pay(g, where, p, options);
  return Object.assign(r, { payment: p });
}

export function errorOf(r) {
  const body = JSON.parse(r.body);
  return body.error ?? body;
}

// ---- Claims ----------------------------------------------------------------------------

export const house = (g) => Object.fromEntries(Object.entries(g.run('ledger', 'stats').house).map(([k, v]) => [k, nano(v)]));

/** A payer's wallet in the gateway; undefined: it has none. */
export function walletOf(g, account) {
  const shown = g.cli('wallet', 'show', `payer-${account.address.toLowerCase()}`, '--json');
  return shown.status === 0 ? JSON.parse(shown.stdout) : undefined;
}

export function credit(g, account) {
  const wallet = walletOf(g, account);
  return wallet ? nano(wallet.balance) : 0n;
}

/** It comes true, within a minute or `ms`. */
export async function until(what, test, ms = 60000) {
  for (const end = Date.now() + ms; Date.now() < end; await sleep(25)) if (await test()) return;
  assert.fail(`it never came: ${what}`);
}

/** All that was ever paid to the seller on the chain is in his books, nothing is waited
 * for any more, and the laws hold. */
export async function agree(g) {
  let books;
  await until('the end of all payments', () => (books = house(g)).receivable === 0n);
  assert.equal(usd(books.chain), usd((await chain.balanceOf(g.payTo)) * 1000n), 'on the chain and in the books');
  g.laws();
}

/** The payer has paid `units`, has `left` (nano-USD) to its credit; and agree(). */
export async function paid(g, account, units, left = 0n) {
  await until('the credit', () => credit(g, account) === left);
  await agree(g);
  assert.equal(START - (await chain.balanceOf(account.address)), units, 'the payer has paid');
}

/** A refusal: this status (and code), no work, no money. */
export async function refused(g, r, status, code, what = '') {
  assert.equal(r.status, status, `${what}: ${r.status} ${r.body}`);
  if (code) assert.equal(errorOf(r).code, code, `${what}: ${r.body}`);
  assert.equal(upstream.calls.length, 0, `${what}: it was served`);
}

/** Changes answers of the node (or of another one) to `method` in every batch:
 * `change(answer, call)` gives the new one. */
export function lie(method, change, node = front) {
  node.answer = async (sent, ask) => {
    const answer = await ask();
    const calls = [sent].flat();
    const altered = [answer].flat().map((a) => {
      const call = calls.find((c) => c.id === a.id);
      return call?.method === method ? change(structuredClone(a), call) : a;
    });
    return Array.isArray(answer) ? altered : altered[0];
  };
}

export const asks = (sent, method) => [sent].flat().some((c) => c.method === method);
export const hex = (n) => `0x${n.toString(16)}`;
