// SPDX-License-Identifier: Apache-2.0
// The clients, servers and the facilitator that others wrote, unmodified, as thin as they
// can be had: x402 version 1 and 2, MPP. Only v1Server() is ours.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import axios from 'axios';
import express from 'express';
import { evm as evmClient, Mppx as MppxClient, tempo as tempoClient } from 'mppx/client';
import { Mppx as MppxServer, evm as evmServer } from 'mppx/express';
import { wrapFetchWithPayment as wrapFetchV1 } from 'x402-fetch';
import { wrapAxiosWithPayment, x402Client as AxiosClient } from '@x402/axios';
import { x402Facilitator } from '@x402/core/facilitator';
import { HTTPFacilitatorClient } from '@x402/core/server';
import { toFacilitatorEvmSigner } from '@x402/evm';
import { registerExactEvmScheme as registerExactClient } from '@x402/evm/exact/client';
import { registerExactEvmScheme as registerExactFacilitator } from '@x402/evm/exact/facilitator';
import { registerExactEvmScheme as registerExactServer } from '@x402/evm/exact/server';
import { UptoEvmScheme as UptoClient } from '@x402/evm/upto/client';
import { UptoEvmScheme as UptoFacilitator } from '@x402/evm/upto/facilitator';
import { UptoEvmScheme as UptoServer } from '@x402/evm/upto/server';
import { paymentMiddleware, x402ResourceServer } from '@x402/express';
import { wrapFetchWithSIWx } from '@x402/extensions/sign-in-with-x';
import { wrapFetchWithPayment, x402Client } from '@x402/fetch';
import { NETWORK, USDC } from './chain.mjs';

const here = path.dirname(new URL(import.meta.url).pathname);

// ---- Payers ----------------------------------------------------------------------------

/** What a header of base64 JSON says, or undefined: `headers` of fetch, axios or node. */
export function headerJson(headers, name) {
  const value = typeof headers.get === 'function' ? headers.get(name) : headers[name];
  return value ? JSON.parse(Buffer.from(value, 'base64').toString('utf8')) : undefined;
}

/** The receipt of a paid call, of either version. */
export function receiptOf(headers) {
  return headerJson(headers, 'payment-response') ?? headerJson(headers, 'x-payment-response');
}

function payer(Client, account, { schemes = ['exact'], spend } = {}) {
  const client = new Client();
  if (schemes.includes('exact')) registerExactClient(client, { signer: account });
  if (schemes.includes('upto')) client.register('eip155:*', new UptoClient(account));
  if (spend !== undefined) client.setSpendControls(spend);
  return client;
}

/** The client object of @x402/fetch: for tests that sign without sending.
 * `schemes`: exact, upto; `spend`: what setSpendControls() takes. */
export function clientV2(account, options) {
  return payer(x402Client, account, options);
}

export function payFetchV2(account, options) {
  return wrapFetchWithPayment(fetch, clientV2(account, options));
}

/** Answers of any status are answers, not errors. */
export function payAxiosV2(account, options) {
  const instance = axios.create({ validateStatus: (status) => status !== 402 });
  return wrapAxiosWithPayment(instance, payer(AxiosClient, account, options));
}

/** `maxValue`: the most it pays, of the token's smallest unit (the client's own: 100000). */
export function payFetchV1(account, maxValue) {
  return wrapFetchV1(fetch, account, maxValue);
}

/** A fetch that answers a 402 by a sign-in with the account's wallet, where one is offered.
 * `over`: the fetch beneath. */
export function siwxFetch(account, over = fetch) {
  return wrapFetchWithSIWx(over, account);
}

/** A fetch that pays MPP challenges: evm/charge in Base Sepolia's USDC and the zero-amount
 * proof of tempo/charge, or `methods`. */
export function mppxFetch(account, { methods, ...options } = {}) {
  const own = [evmClient.charge({ account, currencies: [evmClient.assets.baseSepolia.USDC] }), tempoClient.charge({ account })];
  return MppxClient.create({ methods: methods ?? own, polyfill: false, ...options }).fetch;
}

/** The command line of mppx: mppx(account, url, '-i', '-v'), mppx(account, 'validate', url,
 * '-y', '-j'). {status, stdout, stderr}. */
export async function mppx(account, ...args) {
  const home = fs.mkdtempSync(path.join(os.tmpdir(), 'octroi-mppx-'));
  const bin = path.join(here, 'node_modules/mppx/dist/bin.js');
  // CI: it neither asks nor looks for a newer version of itself.
  const env = { PATH: process.env.PATH, HOME: home, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home, CI: 'true', NO_COLOR: '1', MPPX_PRIVATE_KEY: account.key };
  const child = spawn(process.execPath, [bin, ...args], { env, cwd: home, stdio: ['ignore', 'pipe', 'pipe'], timeout: 120000, killSignal: 'SIGKILL' });
  const end = () => child.kill('SIGKILL');
  process.once('exit', end);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (d) => (stdout += d));
  child.stderr.on('data', (d) => (stderr += d));
  const status = await new Promise((done) => child.on('close', done));
  process.off('exit', end);
  fs.rmSync(home, { recursive: true, force: true });
  return { status, stdout, stderr };
}

/** `mppx validate`: its report, with `failed`: ["label: detail"] of every check that failed. */
export async function mppxValidate(account, url, ...args) {
  const run = await mppx(account, 'validate', url, '-y', '-j', ...args);
  const report = JSON.parse(run.stdout);
  const checks = [...report.discovery.checks, ...report.endpoints.flatMap((e) => [e.challenge, e.errorHandling, e.payment].flatMap((c) => c ?? []))];
  const failed = checks.filter((c) => c.severity === 'fail').map((c) => `${c.label}: ${c.detail ?? ''}`);
  return { ...report, status: run.status, failed };
}

// ---- Servers ---------------------------------------------------------------------------

/** An HTTP server on a free port of loopback: {port, url, close()}. */
export async function listen(handler) {
  const server = http.createServer(handler);
  const sockets = new Set();
  server.on('connection', (s) => {
    sockets.add(s);
    s.on('close', () => sockets.delete(s));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    close: async () => {
      for (const s of sockets) s.destroy();
      await new Promise((done) => server.close(done));
    },
  };
}

/** The reference facilitator on `chain`, paying fees from `account`. In-process as
 * {verify, settle, getSupported}, and over HTTP at `url`. A test may set `facilitator.answer
 * = async (path, body, honest) => ..`: honest() gives the true answer; what it gives is
 * sent as JSON, a number as a bare status, null breaks the connection. `calls` keeps what
 * came in over HTTP. `waitMs`: how long it waits for a receipt. */
export async function jsFacilitator({ chain, account, waitMs = 10000 }) {
  const signer = toFacilitatorEvmSigner(withAddress(chain.wallet(account)), { confirmationTimeoutMs: waitMs });
  const core = new x402Facilitator();
  registerExactFacilitator(core, { signer, networks: NETWORK });
  core.register(NETWORK, new UptoFacilitator(signer));
  const facilitator = {
    calls: [],
    answer: null,
    verify: (payload, requirements) => core.verify(payload, requirements),
    settle: (payload, requirements) => core.settle(payload, requirements),
    getSupported: async () => core.getSupported(),
  };
  const honest = {
    'GET /supported': () => facilitator.getSupported(),
    'POST /verify': (b) => facilitator.verify(b.paymentPayload, b.paymentRequirements),
    'POST /settle': (b) => facilitator.settle(b.paymentPayload, b.paymentRequirements),
  };
  const server = await listen(async (req, res) => {
    const what = honest[`${req.method} ${req.url}`];
    if (!what) return void res.writeHead(404).end();
    try {
      const pieces = [];
      for await (const piece of req) pieces.push(piece);
      const body = req.method === 'POST' ? JSON.parse(Buffer.concat(pieces)) : undefined;
      facilitator.calls.push({ path: req.url, headers: req.headers, body });
      const truth = () => what(body);
      const given = facilitator.answer ? await facilitator.answer(req.url, body, truth) : await truth();
      if (given === null || given === undefined) return void res.destroy();
      if (typeof given === 'number') return void res.writeHead(given).end();
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(given));
    } catch (error) {
      if (!res.headersSent) res.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error.message) }));
    }
  });
  return Object.assign(facilitator, { url: server.url, port: server.port, close: server.close });
}

function withAddress(client) {
  return Object.assign(client, { address: client.account.address });
}

/** One way to pay a route of expressServer(). `price`: "$0.01" or {asset, amount}. */
export function offer({ payTo, price, scheme = 'exact', network = NETWORK, extra, maxTimeoutSeconds }) {
  return { scheme, network, payTo, price, extra, maxTimeoutSeconds };
}

/** An @x402/express server. `facilitator`: a URL, or an object with verify, settle and
 * getSupported. `routes`: {'GET /paid': {accepts: offer(..), handler, ..}}, the handler an
 * Express one; the rest goes to the middleware. `extensions`: given the server's origin,
 * what to register. `served` counts the handlers' runs. */
export async function expressServer({ facilitator, routes, extensions = () => [] }) {
  const app = express();
  const shown = { served: 0, ...(await listen(app)) };
  const server = new x402ResourceServer(typeof facilitator === 'string' ? new HTTPFacilitatorClient({ url: facilitator }) : facilitator);
  registerExactServer(server, { networks: [NETWORK] });
  server.register(NETWORK, new UptoServer());
  for (const extension of extensions(shown.url)) server.registerExtension(extension);
  const priced = Object.fromEntries(Object.entries(routes).map(([name, { handler, ...rest }]) => [name, rest]));
  app.use(paymentMiddleware(priced, server));
  serve(app, routes, shown);
  return shown;
}

/** The routes' handlers, each after what `before` makes of its options. */
function serve(app, routes, shown, before = () => (req, res, next) => next()) {
  app.use(express.json());
  for (const [name, { handler, ...options }] of Object.entries(routes)) {
    const [method, route] = name.split(' ');
    app[method.toLowerCase()](route, before(options), (req, res, next) => {
      shown.served++;
      return handler ? handler(req, res, next) : res.json({ message: 'paid', query: req.query, body: req.body });
    });
  }
}

/** An mppx server behind Express: evm/charge in Base Sepolia's USDC, settled on `chain` by
 * `account`. `routes`: {'GET /paid': {amount: '0.01', handler}}. */
export async function mppxServer({ chain, account, payTo, routes, secretKey = 'a-secret-of-an-mppx-server-in-tests' }) {
  const facilitator = await jsFacilitator({ chain, account });
  const charge = evmServer.charge({ currency: evmServer.assets.baseSepolia.USDC, recipient: payTo, x402: { facilitator: facilitator.url } });
  const payments = MppxServer.create({ methods: [charge], secretKey, realm: '127.0.0.1' });
  const app = express();
  const server = await listen(app);
  const close = async () => {
    await server.close();
    await facilitator.close();
  };
  const shown = { served: 0, ...server, close };
  serve(app, routes, shown, (price) => payments.charge(price));
  return shown;
}

/** An x402 version 1 seller, smallest form, ours: the reference's wants a cloud vendor's
 * packages. It settles before it serves. */
export async function v1Server({ facilitator, payTo, amount, asset = USDC }) {
  const shown = { served: 0 };
  const server = await listen(async (req, res) => {
    const requirements = { scheme: 'exact', network: 'base-sepolia', maxAmountRequired: String(amount), resource: `http://${req.headers.host}${req.url}`, description: '', mimeType: 'application/json', payTo, maxTimeoutSeconds: 60, asset, extra: { name: 'USDC', version: '2' } };
    const say = (status, body, headers = {}) => res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    const unpaid = (error) => say(402, { x402Version: 1, error, accepts: [requirements] });
    if (!req.headers['x-payment']) return unpaid('X-PAYMENT header is required');
    const payload = headerJson(req.headers, 'x-payment');
    const settled = await facilitator.settle(payload, requirements);
    if (!settled.success) return unpaid(settled.errorReason);
    shown.served++;
    return say(200, { message: 'paid' }, { 'x-payment-response': Buffer.from(JSON.stringify(settled)).toString('base64') });
  });
  return Object.assign(shown, server);
}
