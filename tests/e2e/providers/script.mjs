// SPDX-License-Identifier: Apache-2.0
// What the model behind every provider says. It is chosen by a word with a # in the first
// user text of the conversation, so that a test asks the same of every provider:
//   #plain       a text with quotes, accents and an emoji (the default)
//   #long        forty pieces
//   #tools       one call of the first tool; after its result, what the result said
//   #parallel    two calls at once
//   #schema      JSON as the given schema wants it
//   #image       what image arrived: its type, size and hash
//   #reason      thinks, if it was asked to; with tools it thinks, calls, and thinks on
//   #echo        the instructions that it was given
//   #length #filter #stop   ends for that reason
//   #cached      part of the prompt was written to the cache
//   #error400 .. #error529  an HTTP error; #quota: the kind of 429 that does not pass
//   #inerror     in a stream: an error after some text
//   #cut #short  in a stream: the socket breaks, or an orderly end without the last event
//   #slow        in a stream: a piece every 20 ms
// `seen` is the request without any vendor's words:
//   {model, stream, system, turns, tools, choice, parallel, format, max, think, n, stop}
//   turns: [{role: user|assistant, texts, images, files, calls, results, thoughts}]
import { createHash, createHmac } from 'node:crypto';

export const plain = 'The gate is open: “trois” ducats, façade & "quotes" \\ 🚪,\nand a second line.';
export const thought = 'First count the carts: 3 × 2.\nThen the toll.';
export const again = 'The tool has answered; now say it.';

/** What a provider gives so that a thought can be shown to it again. */
export const sign = (text, key = 'mock') => createHmac('sha512', key).update(text).digest('base64');

export const digest = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);

/** A tool's name is part of what the answer to its call is called. */
const id = (n, kind) => `${kind}${createHash('sha256').update(`call ${n}`).digest('hex').slice(0, 22)}`;

let count = 0;
/** Ids are never given twice: clients tell messages apart by them. */
export const fresh = (prefix) => `${prefix}mock${String(++count).padStart(4, '0')}`;

const words = ['Paris', 'Rome', 'Oslo'];

/** A value that the schema allows. */
export function sample(schema, n = 0, root = schema) {
  if (schema === undefined || schema === true) return words[n];
  if (schema.$ref) return sample(schema.$ref.slice(2).split('/').reduce((s, k) => s[k], root), n, root);
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  const some = schema.anyOf ?? schema.oneOf;
  if (some) return sample(some[0], n, root);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (String(type).toLowerCase()) {
    case 'object': return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([k, s]) => [k, sample(s, n, root)]));
    case 'array': return [sample(schema.items, n, root)];
    case 'integer': return Math.max(schema.minimum ?? 0, 7 + n);
    case 'number': return Math.max(schema.minimum ?? 0, 2.5 + n);
    case 'boolean': return true;
    case 'null': return null;
    default: return words[n];
  }
}

/** By whole characters, so that every piece is a text of its own. */
export function pieces(text, size = 7) {
  const all = [...text];
  const out = [];
  for (let i = 0; i < all.length; i += size) out.push(all.slice(i, i + size).join(''));
  return out;
}

const weigh = (text) => 1 + Math.floor(text.length / 4);

function first(seen) {
  for (const turn of seen.turns) if (turn.role === 'user') for (const t of turn.texts) {
    const m = /#([a-z]+)(\d*)/.exec(t);
    if (m) return [m[1], Number(m[2])];
  }
  return ['plain', 0];
}

function seeImages(seen) {
  const all = seen.turns.flatMap((t) => t.images);
  if (all.length === 0) return 'I see nothing.';
  return all.map((i) => (i.url ? `I see ${i.url}.` : `I see ${i.type}, ${i.bytes.length} bytes, ${digest(i.bytes)}.`)).join(' ');
}

function useTools(seen, parallel, idKind) {
  const results = seen.turns.flatMap((t) => t.results);
  if (results.length) return { text: results.map((r) => `${r.name ?? r.id ?? 'it'} said ${r.text}${r.failed ? ' (failed)' : ''}`).join('; ') };
  if (!seen.tools.length || seen.choice === 'none') return { text: 'I have no tools.' };
  const wanted = typeof seen.choice === 'object' ? seen.tools.find((t) => t.name === seen.choice.name) : seen.tools[0];
  const count = parallel && seen.parallel !== false ? 2 : 1;
  const round = seen.turns.length;
  return {
    calls: Array.from({ length: count }, (_, n) => {
      const tool = count === 2 && seen.tools.length > 1 ? seen.tools[n] : wanted;
      return { id: id(round * 10 + n, idKind), name: tool.name, args: sample(tool.schema, n) };
    }),
  };
}

/** Gives {parts: [{thought, signature}|{text}|{call}], end, error, usage, slow}; end: stop,
 * length, filter, sequence, calls, and what breaks a stream: inerror, cut, short. */
export function script(seen, { idKind = 'call_', signKey } = {}) {
  const [word, number] = first(seen);
  const said = { text: plain, calls: [] };
  const reply = { word, end: 'stop', slow: word === 'slow' };
  if (word === 'error') reply.error = number;
  if (word === 'quota') reply.error = 'quota';
  if (word === 'long') said.text = Array.from({ length: 40 }, (_, i) => `wagon ${i}`).join(', ');
  if (['tools', 'parallel'].includes(word) || (word === 'reason' && seen.tools.length)) Object.assign(said, { text: '' }, useTools(seen, word === 'parallel', idKind));
  const forced = typeof seen.choice === 'object' || seen.choice === 'required';
  if (word === 'schema' && !seen.format && seen.tools.length && forced) Object.assign(said, { text: '' }, useTools(seen, false, idKind));
  else if (word === 'schema') said.text = seen.format?.schema ? JSON.stringify(sample(seen.format.schema)) : seen.format ? '{"city":"Paris"}' : 'I know no schema.';
  if (word === 'image') said.text = seeImages(seen);
  if (word === 'echo') said.text = seen.system || 'I have no instructions.';
  if (['length', 'filter', 'inerror', 'cut', 'short'].includes(word)) reply.end = word;
  if (word === 'stop') reply.end = 'sequence';
  if (said.calls.length) reply.end = 'calls';

  reply.parts = [];
  if (word === 'reason' && seen.think) {
    const t = said.calls.length || !seen.tools.length ? thought : again;
    reply.parts.push({ thought: t, signature: sign(t, signKey) });
  }
  if (said.text) reply.parts.push({ text: said.text });
  for (const call of said.calls) reply.parts.push({ call });

  const prompt = weigh(seen.system) + seen.turns.reduce((sum, t) => sum + t.texts.reduce((s, x) => s + weigh(x), 0) + 5 * (t.images.length + t.calls.length + t.results.length), 0);
  reply.usage = {
    fresh: 10 + prompt,
    read: 3 + seen.turns.length,
    write: word === 'cached' ? 6 : 0,
    text: Math.max(1, seen.n ?? 1) * (weigh(said.text) + 9 * said.calls.length),
    reasoning: reply.parts[0]?.thought ? weigh(reply.parts[0].thought) : 0,
  };
  return reply;
}
