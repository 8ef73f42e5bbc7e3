// SPDX-License-Identifier: Apache-2.0
// The lists of models as the vendors' own clients read them, unmodified.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { Gateway } from './lib.mjs';

let gateway, wallet;

before(async () => {
  gateway = new Gateway({
    providers: { p: { kind: 'compatible', base_url: 'http://127.0.0.1:9/v1', allow_private: true } },
    models: {
      'lab/seeing': { targets: [{ provider: 'p', model: 'm' }], price: { input: '1.25', output: '10' }, capabilities: ['vision', 'tools'], context_tokens: 200000 },
      unpriced: { targets: [{ provider: 'p', model: 'nobody-knows-this-model' }] },
    },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '5');
});

after(() => gateway?.close());

async function all(pages) {
  const found = [];
  for await (const m of pages) found.push(m);
  return found;
}

test('openai', async () => {
  const client = new OpenAI({ apiKey: wallet.key, baseURL: `${gateway.url}/v1` });
  const [m, other] = await all(client.models.list());
  assert.deepEqual([m.id, m.object, m.owned_by, m.context_length, m.pricing.output], ['lab/seeing', 'model', 'p', 200000, '10']);
  assert.deepEqual([other.id, other.priced], ['unpriced', false]);
  assert.equal((await client.models.retrieve('lab/seeing')).id, 'lab/seeing');
  await assert.rejects(client.models.retrieve('none'), (e) => e instanceof OpenAI.NotFoundError);
});

test('@anthropic-ai/sdk', async () => {
  const client = new Anthropic({ apiKey: wallet.key, baseURL: gateway.url });
  const found = await all(client.models.list({ limit: 1 }));
  assert.deepEqual(found.map((m) => m.id), ['lab/seeing', 'unpriced']);
  assert.equal(found[0].max_input_tokens, 200000);
  assert.equal(found[0].capabilities.image_input.supported, true);
  assert.equal((await client.models.retrieve('lab/seeing')).type, 'model');
});

test('@google/genai', async () => {
  const client = new GoogleGenAI({ apiKey: wallet.key, httpOptions: { baseUrl: gateway.url } });
  const found = await all(await client.models.list());
  assert.deepEqual(found.map((m) => m.name), ['models/lab/seeing', 'models/unpriced']);
  assert.equal(found[0].inputTokenLimit, 200000);
  assert.equal((await client.models.get({ model: 'lab/seeing' })).name, 'models/lab/seeing');
});
