// SPDX-License-Identifier: Apache-2.0
// Clients of MCP, unmodified: the SDK of version 1, its successor with and without the
// handshake of before, the AI SDK's, and how each of them pays. x402's own package for MCP
// could not be installed: payX402() does what one is specified to do, with x402's core.
import assert from 'node:assert/strict';
import { createMCPClient } from '@ai-sdk/mcp';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client as ClientV2, StreamableHTTPClientTransport as TransportV2 } from '@modelcontextprotocol/client';
import { withX402Client } from 'agents/x402';
import { generateText, stepCountIs } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { McpClient } from 'mppx/mcp/client';
import { evm as evmClient, tempo as tempoClient } from 'mppx/client';
import { withPayment } from 'x402-mcp/client';
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

/** A client of `kinds` as Cloudflare's agents wraps it: its callTool() pays, and answers as
 * before. `options`: maxPaymentValue, network. */
export function payAgents(client, account, options) {
  const wrapped = withX402Client(client, { account, ...options });
  return (params) => wrapped.callTool(null, params);
}

/** The AI SDK's client as x402-mcp wraps it (x402 version 1): a model that was told of the
 * price has the payment made by a tool, and repeats its call with it. This model does so
 * once. call(name, args, payment), where a payment is sent with the first call already:
 * {last: the last result or error of a tool, result: its output, payment}. */
export async function payByModel(g, account, options) {
  const transport = { type: 'http', url: `${g.url}/mcp` };
  const client = await withPayment(await createMCPClient({ transport }), { account, network: 'base-sepolia', ...options });
  const tools = await client.tools();
  const call = async (name, args, payment) => {
    const results = [];
    const use = (toolName, input) => [{ type: 'tool-call', toolCallId: `call-${results.length}`, toolName, input: JSON.stringify(input) }];
    const think = (prompt) => {
      const last = prompt.at(-1);
      if (last.role !== 'tool') return use(name, { ...args, ...(payment && { paymentAuthorization: payment }) });
      const { output, toolName } = last.content[0];
      results.push(output);
      if (toolName === 'generatePaymentAuthorization') {
        payment = output.value.paymentAuthorization;
        return payment ? use(name, { ...args, paymentAuthorization: payment }) : [{ type: 'text', text: 'not paid' }];
      }
      const asked = payment ? [] : output.value.map((part) => part.text).filter((text) => text.startsWith('{"x402Version":1,'));
      if (asked.length > 0) return use('generatePaymentAuthorization', { paymentRequirements: JSON.parse(asked[0]).accepts[0] });
      return [{ type: 'text', text: 'done' }];
    };
    const usage = { inputTokens: { total: 1 }, outputTokens: { total: 1 } };
    const doGenerate = async ({ prompt }) => {
      const content = think(prompt);
      return { content, finishReason: { unified: content[0].type === 'text' ? 'stop' : 'tool-calls' }, usage, warnings: [] };
    };
    const { steps } = await generateText({ model: new MockLanguageModelV4({ doGenerate }), tools, prompt: 'Buy it.', stopWhen: stepCountIs(6) });
    const outputs = steps.flatMap((step) => step.content.filter((part) => part.type === 'tool-result' || part.type === 'tool-error'));
    return { last: outputs.at(-1), result: outputs.at(-1).output, payment };
  };
  return { call, close: () => client.close() };
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
