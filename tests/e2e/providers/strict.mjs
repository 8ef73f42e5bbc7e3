// SPDX-License-Identifier: Apache-2.0
// Strict reading of what a client sent: a shape is a function of (value, path) that throws
// Bad with the path of the first thing that is wrong. Each provider says it in its own words.

export class Bad extends Error {
  /** kind: type, unknown, missing, value */
  constructor(path, kind, message) {
    super(message);
    this.path = path;
    this.kind = kind;
  }
}

/** As OpenAI and Anthropic write it: messages[0].content, or messages.0.content. */
export const bracketed = (path) => path.map((p, i) => (typeof p === 'number' ? `[${p}]` : i ? `.${p}` : p)).join('');
export const dotted = (path) => path.join('.');

export function bad(path, message, kind = 'value') {
  throw new Bad(path, kind, message);
}

const typed = (name, test) => (v, path) => {
  if (!test(v)) bad(path, `expected ${name}, but got ${v === null ? 'null' : Array.isArray(v) ? 'an array' : typeof v}`, 'type');
};

export const any = () => {};
export const str = typed('a string', (v) => typeof v === 'string');
export const bool = typed('a boolean', (v) => typeof v === 'boolean');
export const int = typed('an integer', Number.isSafeInteger);
export const num = typed('a number', (v) => typeof v === 'number' && Number.isFinite(v));
export const nul = typed('null', (v) => v === null);
export const open = typed('an object', (v) => typeof v === 'object' && v !== null && !Array.isArray(v));

export const range = (low, high, of = num) => (v, path) => {
  of(v, path);
  if (v < low || v > high) bad(path, `expected a value from ${low} to ${high}, but got ${v}`);
};

export const lit = (...values) => (v, path) => {
  if (!values.includes(v)) bad(path, `invalid value ${JSON.stringify(v)}; supported values are ${values.map((x) => JSON.stringify(x)).join(', ')}`);
};

export const text = (min, max) => (v, path) => {
  str(v, path);
  if (v.length < min || v.length > max) bad(path, `expected a length from ${min} to ${max}, but got ${v.length}`);
};

export const matching = (pattern) => (v, path) => {
  str(v, path);
  if (!pattern.test(v)) bad(path, `does not match ${pattern}`);
};

export const nullable = (of) => (v, path) => {
  if (v !== null) of(v, path);
};

export const arr = (of, min = 0, max = Infinity) => (v, path) => {
  if (!Array.isArray(v)) bad(path, `expected an array, but got ${v === null ? 'null' : typeof v}`, 'type');
  if (v.length < min || v.length > max) bad(path, `expected ${min} to ${max} elements, but got ${v.length}`);
  v.forEach((x, i) => of(x, [...path, i]));
};

/** Values of one shape under any name. */
export const map = (of) => (v, path) => {
  open(v, path);
  for (const [k, x] of Object.entries(v)) of(x, [...path, k]);
};

/** The names given and no other; `must`: those that cannot be absent. */
export const obj = (fields, must = []) => (v, path) => {
  open(v, path);
  for (const k of must) if (v[k] === undefined) bad([...path, k], 'field required', 'missing');
  for (const [k, x] of Object.entries(v)) {
    if (!Object.hasOwn(fields, k)) bad([...path, k], 'unknown field', 'unknown');
    fields[k](x, [...path, k]);
  }
};

/** One of several objects, told apart by a field. */
export const tagged = (tag, variants) => (v, path) => {
  open(v, path);
  if (v[tag] === undefined) bad([...path, tag], 'field required', 'missing');
  if (!Object.hasOwn(variants, v[tag])) bad([...path, tag], `invalid value ${JSON.stringify(v[tag])}; supported values are ${Object.keys(variants).join(', ')}`);
  variants[v[tag]](v, path);
};

/** By the JavaScript type: either({string: str, array: arr(x), object: ..}). */
export const either = (variants) => (v, path) => {
  const name = v === null ? 'null' : Array.isArray(v) ? 'array' : typeof v;
  if (!variants[name]) bad(path, `expected ${Object.keys(variants).join(' or ')}, but got ${name}`, 'type');
  variants[name](v, path);
};

/** Exactly one of the names, and no other. */
export const union = (fields) => (v, path) => {
  obj(fields)(v, path);
  if (Object.keys(v).length !== 1) bad(path, `expected exactly one of ${Object.keys(fields).join(', ')}`);
};

export const base64 = (v, path) => {
  str(v, path);
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(v) || v.length % 4 !== 0) bad(path, 'not base64');
};

const magic = {
  'image/png': (b) => b.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex')),
  'image/jpeg': (b) => b.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex')),
  'image/gif': (b) => b.subarray(0, 4).toString('latin1') === 'GIF8',
  'image/webp': (b) => b.subarray(8, 12).toString('latin1') === 'WEBP',
};

/** An image of one of these types whose bytes are what the type says. */
export function image(type, data, path, types = Object.keys(magic)) {
  if (!types.includes(type)) bad(path, `unsupported image type ${type}`);
  base64(data, path);
  const bytes = Buffer.from(data, 'base64');
  if (!magic[type](bytes)) bad(path, `the bytes are no ${type}`);
  return { type, bytes };
}

export function dataUrl(url, path) {
  const m = /^data:([a-z]+\/[a-z0-9.+-]+);base64,(.*)$/s.exec(url);
  if (!m) bad(path, 'not a data URL');
  return { type: m[1], data: m[2] };
}
