// SPDX-License-Identifier: Apache-2.0
// Several keys of one provider: used in turn, and a refused one costs no call.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { Gateway, json, recorded, request, startUpstream } from './lib.mjs';

const messages = [{ role: 'user', content: 'Say this is a test' }];
const price = { input: '1.25', output: '10' };
const keys = ['sk-one-0123456789', 'sk-two-0123456789', 'sk-three-0123456789'];
let upstream, other, gateway, wallet;
let refuse = () => null; // [status, body, headers] for a key, or nothing

const keyOf = (c) => c.headers.authorization?.slice(7);

before(async () => {
  upstream = await startUpstream();
  other = await startUpstream();
  upstream.handle = (req, res, body, call) => {
    const no = refuse(keyOf(call));
    if (no) return json(res, no[0], no[1] ?? { error: { message: 'no', type: 'x', code: 'y' } }, no[2]);
    return json(res, 200, recorded('en-chat-basic.response.json'));
  };
  other.handle = (req, res) => json(res, 200, recorded('en-chat-basic.response.json'));
  gateway = new Gateway({
    providers: {
      up: { kind: 'openai', base_url: `${upstream.url}/v1`, api_keys: keys, allow_private: true },
      other: { kind: 'openai', base_url: `${other.url}/v1`, api_keys: ['sk-other-0123456789'], allow_private: true },
    },
    models: {
      m: { targets: [{ provider: 'up', model: 'm' }], price },
      two: { targets: [{ provider: 'up', model: 'm' }, { provider: 'other', model: 'm' }], price },
    },
    limits: { requests_per_minute: 0, tokens_per_minute: 0 },
  });
  await gateway.start();
  wallet = gateway.wallet('agent', '5');
});

after(async () => {
  await gateway?.close();
  await upstream?.close();
  await other?.close();
});

const chat = (model = 'm') =>
  request(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${wallet.key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model, messages }) });
const fresh = async () => {
  refuse = () => null;
  upstream.calls.length = other.calls.length = 0;
  await gateway.stop();
  await gateway.start();
};
const used = () => keys.map((k) => upstream.calls.filter((c) => keyOf(c) === k).length);

test('every key has its turn', async () => {
  for (let i = 0; i < 9; i++) assert.equal((await chat()).status, 200);
  assert.deepEqual(used(), [3, 3, 3]);
});

for (const [what, answer] of [
  ['401', [401]],
  ['402', [402]],
  ['403', [403]],
  ['429', [429, undefined, { 'retry-after': '60' }]],
  ['429 without money', [429, { error: { message: 'quota', type: 'insufficient_quota', code: 'insufficient_quota' } }]],
])
  test(`a key that is refused with ${what} costs no call, and rests`, async () => {
    await fresh();
    refuse = (k) => (k === keys[1] ? answer : null);
    for (let i = 0; i < 12; i++) assert.equal((await chat()).status, 200);
    assert.equal(used()[1], 1, 'once was enough');
    assert.equal(upstream.calls.length, 13);
    await gateway.settled(wallet);
  });

test('the same provider is tried with every key before another is', async () => {
  await fresh();
  refuse = () => [401];
  const a = await chat('two');
  assert.equal(a.status, 200, a.body);
  assert.deepEqual(used(), [1, 1, 1]);
  assert.equal(other.calls.length, 1);
  await gateway.settled(wallet);
});

test('if all are refused the caller is told, pays nothing, and the next call tries again', async () => {
  await fresh();
  refuse = () => [401];
  const before = gateway.balance(wallet).balance;
  assert.equal((await chat()).status, 502);
  await gateway.settled(wallet, before);
  refuse = () => null;
  assert.equal((await chat()).status, 200);
});

test('what is the request\'s own fault is asked once', async () => {
  await fresh();
  refuse = () => [400];
  assert.equal((await chat()).status, 400);
  assert.equal(upstream.calls.length, 1);
  await gateway.settled(wallet);
});
