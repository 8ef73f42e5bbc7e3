// SPDX-License-Identifier: Apache-2.0
// Every dialect of a client with every kind of provider, and nine things asked of each. The
// table at the end has no empty cell: it works, or it says why it cannot.
import assert from 'node:assert/strict';
import http from 'node:http';
import test from 'node:test';
import { InBand, dialects, events } from './dialects.mjs';
import { plain, thought } from './providers/script.mjs';
import { sleep } from './lib.mjs';
import { cityAnswer, citySchema, kinds, png, seesPng, toolSchema, vendors, world } from './models-lab.mjs';

const backs = [...kinds, ...vendors.filter((v) => ['deepseek', 'mistral', 'openrouter'].includes(v))];
const w = world(backs, { shred: 11 });
const features = ['plain', 'stream', 'tools', 'stream tools', 'schema', 'image', 'reasoning', 'error', 'cut'];
const tools = [{ name: 'weather', description: 'The weather', schema: toolSchema }, { name: 'time', description: 'The time', schema: toolSchema }];

/** Why a cell cannot be: nobody's fault. */
const none = {
  completions: { tools: 'the dialect has no tools', 'stream tools': 'the dialect has no tools', schema: 'the dialect has no schemas', image: 'the dialect has no images', reasoning: 'the dialect has no reasoning' },
};
const blind = ['mistral', 'deepseek'];

async function ask(d, a) {
  const r = await w.post(d.path(a.model, a.stream), d.body(a), d.headers(w.key));
  return { ...r, stream: a.stream };
}

/** A good answer, read by its dialect, with the usage that the provider knows of. */
async function good(d, name, a) {
  const r = await ask(d, a);
  assert.equal(r.status, 200, `${r.status} ${r.body.toString().slice(0, 600)}`);
  assert.match(r.headers['content-type'], a.stream ? /^text\/event-stream/ : /^application\/json/);
  const got = a.stream ? d.stream(events(r.body)) : d.read(JSON.parse(r.body));
  const { usage } = w.last(name);
  assert.equal(got.usage.out, usage.text + usage.reasoning, 'output tokens told');
  assert.equal(got.usage.fresh + got.usage.read + got.usage.write, usage.fresh + usage.read + usage.write, 'input tokens told');
  return got;
}

async function loop(d, name, a) {
  const first = await good(d, name, { ...a, text: '#parallel', tools });
  assert.equal(first.finish, 'tool_calls');
  assert.deepEqual(first.calls.map((c) => [c.name, c.args]), [['weather', { city: 'Paris' }], ['time', { city: 'Rome' }]]);
  const second = await good(d, name, { ...a, text: '#parallel', tools, history: d.history(first, ['sun', 'noon']) });
  assert.equal(second.text, 'weather said sun; time said noon');
  assert.equal(second.finish, 'stop');
}

const does = {
  plain: async (d, name, model) => {
    const got = await good(d, name, { model, text: '#plain', system: 'Be brief.' });
    assert.equal(got.text, plain);
    assert.equal(got.finish, 'stop');
    if (d.name !== 'completions') assert.equal(w.last(name).seen.system, 'Be brief.');
    assert.equal(w.last(name).seen.max ?? 8000, 8000);
    assert.equal((await good(d, name, { model, text: '#length' })).finish, d.name === 'responses' ? 'max_output_tokens' : 'length');
  },
  stream: async (d, name, model) => {
    assert.equal((await good(d, name, { model, text: '#plain', stream: true })).text, plain);
    assert.match((await good(d, name, { model, text: '#long', stream: true })).text, /^wagon 0, .* wagon 39$/);
  },
  tools: (d, name, model) => loop(d, name, { model }),
  'stream tools': (d, name, model) => loop(d, name, { model, stream: true }),
  schema: async (d, name, model) => {
    for (const stream of [false, true]) assert.deepEqual(JSON.parse((await good(d, name, { model, text: '#schema', schema: citySchema, stream })).text), cityAnswer);
  },
  image: async (d, name) => {
    assert.equal((await good(d, name, { model: `${name}-eyes`, text: '#image', image: png })).text, seesPng);
  },
  reasoning: async (d, name) => {
    const model = `${name}-thinker`;
    for (const stream of [false, true]) {
      const one = await good(d, name, { model, text: '#reason', think: true, stream });
      assert.equal(one.text, plain);
      assert.equal(one.usage.reasoning > 0, w.last(name).usage.reasoning > 0 && !uncounted.includes(name), 'reasoning tokens told');
      assert.ok(w.last(name).usage.reasoning > 0, 'the provider was not asked to think');
      if (shown(d, name)) assert.equal(one.thought, thought);
      const first = await good(d, name, { model, text: '#reason', think: true, tools, stream });
      assert.equal(first.calls.length, 1);
      const second = await good(d, name, { model, text: '#reason', think: true, tools, stream, history: d.history(first, ['sun']) });
      assert.equal(second.text, 'weather said sun');
    }
  },
  error: async (d, name, model) => {
    // Claude Code wants Anthropic's own errors as they are.
    const own = d.name === 'messages' && name === 'anthropic';
    for (const stream of [false, true]) for (const [status, expected] of [[400, 400], [429, 429], [500, own ? 500 : 502]]) {
      const r = await ask(d, { model, text: `#error${status}`, stream });
      assert.equal(r.status, expected, r.body.toString());
      d.error(JSON.parse(r.body));
    }
    await inBand(d, { model, text: '#inerror', stream: true });
  },
  cut: async (d, name, model) => {
    await inBand(d, { model, text: '#cut', stream: true });
    await inBand(d, { model, text: '#short', stream: true });
  },
};

/** A vendor without schemas: it refuses by itself, or the client is told what was left out. */
async function without(d, name) {
  const r = await ask(d, { model: `${name}-model`, text: '#plain json', schema: citySchema });
  if (r.status === 400) {
    assert.match(JSON.stringify(d.error(JSON.parse(r.body))), /response_format/);
    w.mocks[name].calls.length = 0;
    return 'the vendor has no schemas: refused';
  }
  assert.equal(r.status, 200, r.body.toString());
  assert.ok(r.headers['x-octroi-dropped'], 'nothing says that the schema was left out');
  await w.paid(name);
  return 'the vendor has no schemas: told in x-octroi-dropped';
}

/** Vendors that count thoughts and do not say how many. */
const uncounted = ['bedrock', 'cohere', 'mistral', 'vllm'];
/** OpenAI shows what it thought in Responses only. */
const shown = (d, name) => !['openai', 'azure'].includes(name);

async function inBand(d, a) {
  w.due();
  await w.spent();
  const r = await ask(d, a);
  assert.equal(r.status, 200, r.body.toString().slice(0, 300));
  assert.throws(() => d.stream(events(r.body)), (e) => {
    assert.ok(e instanceof InBand, e.stack);
    assert.ok(e.text.length > 5 && plain.startsWith(e.text), `delivered: ${e.text}`);
    return true;
  });
  w.due();
  assert.ok((await w.spent()) > 0n, 'what was delivered is charged');
}

const cells = {};

for (const d of dialects) for (const name of backs) {
  const row = (cells[`${d.name} → ${name}`] = {});
  for (const feature of features) {
    const why = none[d.name]?.[feature] ?? (feature === 'image' && blind.includes(name) ? 'the model has no eyes' : undefined);
    if (why) {
      row[feature] = why;
      continue;
    }
    row[feature] = 'not run';
    test(`${d.name} to ${name}: ${feature}`, async () => {
      row[feature] = 'FAILED';
      w.due();
      await w.spent();
      if (feature === 'schema' && w.mocks[name].noSchemas) {
        row[feature] = await without(d, name);
        return;
      }
      await does[feature](d, name, `${name}-model`);
      await w.paid(`${d.name} ${name} ${feature}`);
      row[feature] = 'ok';
    });
  }
}

test('all at once: every dialect with every provider in streams side by side, and the sum is right', async () => {
  w.due();
  await w.spent();
  const pairs = dialects.flatMap((d) => backs.map((name) => [d, name]));
  await Promise.all(pairs.map(async ([d, name]) => {
    const r = await ask(d, { model: `${name}-model`, text: '#long', stream: true });
    assert.equal(r.status, 200, `${d.name} ${name}: ${r.body}`);
    assert.match(d.stream(events(r.body)).text, /^wagon 0, .* wagon 39$/, `${d.name} ${name}`);
  }));
  await w.paid('all at once');
});

/** Reads until the first text has come, then is gone. */
function leave(d, model) {
  return new Promise((done, failed) => {
    const body = JSON.stringify(d.body({ model, text: '#slow', stream: true }));
    const req = http.request(w.url + d.path(model, true), { method: 'POST', agent: false, headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body), ...d.headers(w.key) } }, (res) => {
      let seen = '';
      res.on('data', (piece) => {
        seen += piece;
        if (seen.includes('The ga')) {
          req.destroy();
          done(seen);
        }
      });
      res.on('error', () => {});
      res.on('end', () => failed(new Error(`it ended: ${seen.slice(0, 300)}`)));
    });
    req.on('error', failed);
    req.end(body);
  });
}

test('who leaves a stream pays for what was delivered, and the provider is left as well', async () => {
  for (const d of dialects) for (const name of kinds) {
    w.due();
    await w.spent();
    await leave(d, `${name}-model`);
    const call = w.last(name);
    for (let i = 0; i < 200 && !call.closed; i++) await sleep(10);
    assert.ok(call.closed, `${d.name} ${name}: the provider goes on`);
    const most = w.due();
    const spent = await w.spent();
    assert.ok(spent > 0n && spent <= most + 100000n, `${d.name} ${name}: ${spent} of ${most}`);
  }
});

test('the matrix has no empty cell', () => {
  const width = Math.max(...Object.keys(cells).map((k) => k.length));
  const reasons = new Map();
  const mark = (v) => {
    if (v === 'ok' || v === 'FAILED') return v;
    if (!reasons.has(v)) reasons.set(v, `(${reasons.size + 1})`);
    return reasons.get(v);
  };
  const lines = [[''.padEnd(width), ...features].join(' | ')];
  for (const [k, row] of Object.entries(cells)) lines.push([k.padEnd(width), ...features.map((f) => mark(row[f] ?? '').padEnd(f.length))].join(' | '));
  for (const [why, n] of reasons) lines.push(`${n} ${why}`);
  for (const l of lines) console.log(l);
  for (const row of Object.values(cells)) for (const f of features) assert.ok(row[f] && row[f] !== 'not run');
});

test('the books are right at the end', () => w.laws());
