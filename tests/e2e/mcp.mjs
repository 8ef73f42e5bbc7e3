// SPDX-License-Identifier: Apache-2.0
// Clients of MCP, unmodified: the SDK of version 1, its successor with and without the
// handshake of before, and how each of them pays. x402 has no package of its own for MCP
// that could be installed: payX402() does what one is specified to do, with x402's core.
import assert from 'node:assert/strict';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { McpClient } from 'mppx/mcp/client';
import { evm as evmClient, tempo as tempoClient } from 'mppx/client';
import { clientV2 as x402Client } from './clients.mjs';

const me = { name: 'octroi-e2e', version: '1.0.0' };

function options(key, more) {
  return { requestInit: { headers: key ? { authorization: `Bearer ${key}` } : {} }, ...more };
}

/** `key`: of a wallet; `fetch`: of the transport; `capabilities`: that it announces. */
export async function v1(g, { key, fetch, capabilities = {} } = {}) {
  const client = new ClientV1(me, { capabilities });
  await client.connect(new TransportV1(new URL(`${g.url}/mcp`), options(key, { fetch })));
  return client;
}

/** The same; mode: 'legacy' or 'auto'. */
export async function v2(g, { key, fetch, capabilities = {}, mode = 'legacy' } = {}) {
  const client = new ClientV2(me, { capabilities, versionNegotiation: { mode } });
  await client.connect(new TransportV2(new URL(`${g.url}/mcp`), options(key, { fetch })));
  return client;
}

/** All three, by name. */
export const kinds = {
  'sdk v1': v1,
  'client v2': v2,
  'client v2, 2026-07-28': (g, o) => v2(g, { ...o, mode: 'auto' }),
};

/** callTool() that answers PaymentRequired with a payment, once. `sign`: changes it. */
export function payX402(client, account, { sign = (p) => p } = {}) {
  const signer = x402Client(account);
  return async (params) => {
    const first = await client.callTool(params);
    if (!first.isError || first.structuredContent?.x402Version !== 2) return first;
    assert.deepEqual(JSON.parse(first.content[0].text), first.structuredContent);
    const payment = sign(await signer.createPaymentPayload(first.structuredContent), first);
    return client.callTool({ ...params, _meta: { ...params._meta, 'x402/payment': payment } });
  };
}

export const evm = (account) => evmClient.charge({ account, currencies: [evmClient.assets.baseSepolia.USDC] });
export const tempo = (account) => tempoClient.charge({ account });

/** mppx's own wrapper. */
export const payMpp = (client, ...methods) => McpClient.wrap(client, { methods });

/** One message, by hand: {status, headers, body}. `message`: a method, or the raw body. */
export async function rpc(g, message, params, headers = {}) {
  const body = /^\s*[[{"]|^$/.test(message) ? message : JSON.stringify({ jsonrpc: '2.0', id: 7, method: message, params });
  const r = await fetch(`${g.url}/mcp`, { method: 'POST', headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers }, body });
  const text = await r.text();
  return { status: r.status, headers: r.headers, text, body: text ? JSON.parse(text) : undefined };
}

export const receiptOf = (result) => result._meta['octroi/receipt'];
