// SPDX-License-Identifier: Apache-2.0
// Google's `@google/genai`, unmodified, with every kind of provider behind the gateway:
// generate, stream, function calling by hand and by itself, schemas, thoughts, images.
import assert from 'node:assert/strict';
import test from 'node:test';
import { ApiError, GoogleGenAI, Type } from '@google/genai';
import { cityAnswer, citySchema, kinds, plain, png, seesPng, toolSchema, world } from './models-lab.mjs';

const w = world(kinds);
const client = () => new GoogleGenAI({ apiKey: w.key, httpOptions: { baseUrl: w.url } });
const declared = { functionDeclarations: [{ name: 'weather', description: 'The weather', parametersJsonSchema: toolSchema }] };

for (const name of kinds) {
  const model = `${name}-model`;

  test(`generateContent: ${name} answers, whole and streamed`, async () => {
    const r = await client().models.generateContent({ model, contents: 'Hello', config: { systemInstruction: 'Be brief.', maxOutputTokens: 900 } });
    assert.equal(r.text, plain);
    assert.equal(r.candidates[0].finishReason, 'STOP');
    assert.equal(w.last(name).seen.system, 'Be brief.');
    assert.equal(w.last(name).seen.max, 900);
    const u = r.usageMetadata;
    assert.equal(u.totalTokenCount, u.promptTokenCount + u.candidatesTokenCount + (u.thoughtsTokenCount ?? 0));
    let text = '';
    let last;
    for await (const chunk of await client().models.generateContentStream({ model, contents: 'Hello' })) {
      text += chunk.text ?? '';
      last = chunk;
    }
    assert.equal(text, plain);
    assert.equal(last.candidates[0].finishReason, 'STOP');
    assert.ok(last.usageMetadata.candidatesTokenCount > 0);
    await w.paid(name);
  });

  test(`function calling: ${name} calls two at once in a chat, whole and streamed`, async () => {
    for (const stream of [false, true]) {
      const chat = client().chats.create({ model, config: { tools: [declared] } });
      const calls = [];
      const send = async (message) => {
        let text = '';
        const got = stream ? await chat.sendMessageStream({ message }) : [await chat.sendMessage({ message })];
        for await (const r of got) {
          calls.push(...(r.functionCalls ?? []));
          text += r.candidates[0].content?.parts?.map((p) => p.text ?? '').join('') ?? '';
        }
        return text;
      };
      await send('#parallel');
      assert.deepEqual(calls.map((c) => c.args), [{ city: 'Paris' }, { city: 'Rome' }]);
      const results = calls.map((c) => ({ functionResponse: { ...(c.id && { id: c.id }), name: c.name, response: { output: `sun in ${c.args.city}` } } }));
      assert.equal(await send(results), 'weather said sun in Paris; weather said sun in Rome');
    }
    await w.paid(name);
  });

  test(`automatic function calling: ${name} gets to its answer`, async () => {
    const callable = { tool: async () => declared, callTool: async (calls) => calls.map((c) => ({ functionResponse: { id: c.id, name: c.name, response: { output: `sun in ${c.args.city}` } } })) };
    const r = await client().models.generateContent({ model, contents: '#tools', config: { tools: [callable] } });
    assert.equal(r.text, 'weather said sun in Paris');
    await w.paid(name);
  });

  test(`schemas: ${name} keeps JSON Schema and OpenAPI's`, async () => {
    const a = await client().models.generateContent({ model, contents: '#schema', config: { responseMimeType: 'application/json', responseJsonSchema: citySchema } });
    assert.deepEqual(JSON.parse(a.text), cityAnswer);
    const b = await client().models.generateContent({ model, contents: '#schema', config: { responseMimeType: 'application/json', responseSchema: { type: Type.OBJECT, properties: { city: { type: Type.STRING }, count: { type: Type.INTEGER } }, required: ['city', 'count'] } } });
    assert.deepEqual(JSON.parse(b.text), cityAnswer);
    await w.paid(name);
  });

  test(`images: ${name} sees the bytes of inlineData`, async () => {
    const r = await client().models.generateContent({ model: `${name}-eyes`, contents: [{ role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: png.toString('base64') } }, { text: '#image' }] }] });
    assert.equal(r.text, seesPng);
    await w.paid(name);
  });

  test(`thoughts: ${name} thinks, and what it signed comes back to it`, async () => {
    if (!w.mocks[name].thinker) return;
    const chat = client().chats.create({ model: `${name}-thinker`, config: { tools: [declared], thinkingConfig: { includeThoughts: true, thinkingBudget: 2048 } } });
    const first = await chat.sendMessage({ message: '#reason' });
    const [call] = first.functionCalls;
    const r = await chat.sendMessage({ message: [{ functionResponse: { ...(call.id && { id: call.id }), name: call.name, response: { output: 'rain' } } }] });
    assert.equal(r.text, 'weather said rain');
    await w.paid(name);
  });
}

test('errors: each status is an ApiError with that status, and free', async () => {
  for (const name of kinds) for (const status of [400, 429]) {
    await assert.rejects(client().models.generateContent({ model: `${name}-model`, contents: `#error${status}` }), (e) => {
      assert.ok(e instanceof ApiError, `${name}: ${e}`);
      assert.equal(e.status, status, `${name}: ${e}`);
      assert.equal(JSON.parse(e.message).error.code, status);
      return true;
    });
  }
  await w.paid();
});

test('streams: one that is cut or fails inside is an error of the SDK, for every provider', async () => {
  for (const name of kinds) for (const word of ['#cut', '#short', '#inerror']) {
    let text = '';
    await assert.rejects(async () => {
      for await (const c of await client().models.generateContentStream({ model: `${name}-model`, contents: word })) text += c.text ?? '';
    }, `${name} ${word}`);
    assert.ok(text.length > 5 && plain.startsWith(text), `${name} ${word}: ${text}`);
    w.due();
    assert.ok((await w.spent()) > 0n);
  }
});

test('the books are right at the end', () => w.laws());
