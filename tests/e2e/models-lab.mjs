// SPDX-License-Identifier: Apache-2.0
// What the tests of models share: a gateway in front of a faithful mock of every provider
// (providers/), one wallet, and the account of what all calls must have cost. The mocks know
// what was used in normal form, before any vendor's arithmetic; so does the wallet, after it.
import assert from 'node:assert/strict';
import { after, before, beforeEach } from 'node:test';
import { start } from './providers/start.mjs';
import { digest, plain } from './providers/script.mjs';
import { Gateway, line, nano, request, sleep, usd } from './lib.mjs';

export { plain, digest };

/** Whole nano-dollars for each token, so that nothing is rounded. */
export const price = { input: '1.25', cached_input: '0.125', cache_write: '1.5625', output: '10' };
export const unlimited = { requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0 };

/** E2E_PROVIDERS: only these, for a quick look. */
const some = (names) => names.filter((n) => !process.env.E2E_PROVIDERS || process.env.E2E_PROVIDERS.split(',').includes(n));

/** One of each kind. */
export const kinds = some(['openai', 'anthropic', 'gemini', 'bedrock', 'azure', 'cohere', 'vllm']);
/** Vendors of the compatible kind whose habits are their own. */
export const vendors = some(['deepseek', 'dashscope', 'moonshot', 'zai', 'mistral', 'groq', 'together', 'fireworks', 'xai', 'perplexity', 'cerebras', 'openrouter', 'llama.cpp']);

export const truth = (u) => line(u.fresh, price.input) + line(u.read, price.cached_input) + line(u.write, price.cache_write) + line(u.text + u.reasoning, price.output);

/** A PNG of one point. */
export const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
export const seesPng = `I see image/png, ${png.length} bytes, ${digest(png)}.`;

export const citySchema = { type: 'object', properties: { city: { type: 'string' }, count: { type: 'integer' } }, required: ['city', 'count'], additionalProperties: false };
export const cityAnswer = { city: 'Paris', count: 7 };
export const toolSchema = { type: 'object', properties: { city: { type: 'string', description: 'Where' } }, required: ['city'], additionalProperties: false };

export class World {
  constructor() {
    this.mocks = {};
    this.counted = 0n;
  }

  async open(names, { shred, config = {} } = {}) {
    for (const name of some(names)) this.mocks[name] = await start(name, { shred });
    const providers = {};
    const models = {};
    for (const [name, mock] of Object.entries(this.mocks)) {
      providers[name] = mock.provider;
      for (const [as, real] of [['model', mock.model], ['thinker', mock.thinker], ['eyes', mock.eyes ?? mock.model]]) if (real) models[`${name}-${as}`] = { targets: [{ provider: name, model: real }], price };
    }
    for (const name of ['openai', 'azure', 'vllm']) if (this.mocks[name]) models[`${name}-embedding`] = { targets: [{ provider: name, model: name === 'azure' ? 'our-embedding' : 'text-embedding-3-small' }], price };
    this.gateway = new Gateway({ limits: unlimited, ...config, providers: { ...providers, ...config.providers }, models: { ...models, ...config.models } });
    await this.gateway.start();
    this.wallet = this.gateway.wallet('agent', '50');
    this.left = nano('50');
    this.url = this.gateway.url;
    this.key = this.wallet.key;
    return this;
  }

  async close() {
    await this.gateway?.close();
    for (const mock of Object.values(this.mocks)) await mock.close();
  }

  /** The last call that a provider saw. */
  last(name) {
    return this.mocks[name].calls.at(-1);
  }

  async balance() {
    const r = await request(`${this.url}/v1/wallet`, { headers: { authorization: `Bearer ${this.key}` } });
    assert.equal(r.status, 200, r.body.toString());
    const w = JSON.parse(r.body);
    return { balance: nano(w.balance), held: nano(w.held) };
  }

  /** Waits until nothing is on hold: what was spent since the last time. */
  async spent() {
    let now;
    for (let i = 0; i < 400; i++) {
      now = await this.balance();
      if (now.held === 0n) break;
      await sleep(10);
    }
    assert.equal(now.held, 0n, 'something stayed on hold');
    const spent = this.left - now.balance;
    this.left = now.balance;
    return spent;
  }

  /** What the calls since the last time must have cost, by what the providers know. */
  due() {
    const calls = Object.values(this.mocks).flatMap((mock) => mock.calls.splice(0, mock.calls.length).map((call) => ({ call, mock })));
    for (const { call, mock } of calls) {
      if (call.error && !call.reply?.error && !call.closed) assert.fail(`${mock.name} refused ${call.method} ${call.path}: ${call.error.message} at ${call.error.path?.join('.')}\n${call.bytes?.toString().slice(0, 2000)}`);
    }
    return calls.reduce((sum, { call }) => sum + (call.usage ? truth(call.usage) : 0n), 0n);
  }

  /** What a test that failed has left behind is none of the next one's business. */
  async clean() {
    for (const mock of Object.values(this.mocks)) mock.calls.length = 0;
    await this.spent();
  }

  /** Every call since the last time was as its provider wants it, and cost what it says. */
  async paid(what = '') {
    const due = this.due();
    assert.equal(usd(await this.spent()), usd(due), `cost ${what}`);
    return due;
  }

  post(path, body, headers = {}) {
    const auth = Object.keys(headers).some((h) => ['authorization', 'x-api-key', 'x-goog-api-key'].includes(h)) ? {} : { authorization: `Bearer ${this.key}` };
    return request(this.url + path, { method: 'POST', headers: { ...auth, 'content-type': 'application/json', ...headers }, body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body) });
  }

  /** At the end of a file. */
  laws() {
    this.gateway.laws();
  }
}

/** Opens a world before the tests of a file and closes it behind them. */
export function world(names, options) {
  const w = new World();
  before(() => w.open(names, options));
  beforeEach(() => w.clean());
  after(() => w.close());
  return w;
}
