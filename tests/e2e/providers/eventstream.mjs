// SPDX-License-Identifier: Apache-2.0
// AWS's two wire formats, written from their description: binary event frames with both
// checksums, and the check of a SigV4 signature.
import { createHash, createHmac } from 'node:crypto';
import { crc32 } from 'node:zlib';

function header(name, value) {
  const n = Buffer.from(name);
  const v = Buffer.from(value);
  const head = Buffer.alloc(1 + n.length + 3);
  head[0] = n.length;
  n.copy(head, 1);
  head[1 + n.length] = 7; // a string
  head.writeUInt16BE(v.length, 2 + n.length);
  return Buffer.concat([head, v]);
}

export function frame(headers, payload) {
  const h = Buffer.concat(Object.entries(headers).map(([k, v]) => header(k, v)));
  const body = Buffer.from(payload);
  const total = 12 + h.length + body.length + 4;
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(total, 0);
  prelude.writeUInt32BE(h.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const all = Buffer.concat([prelude, h, body]);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(all), 0);
  return Buffer.concat([all, sum]);
}

const sha = (bytes) => createHash('sha256').update(bytes).digest('hex');
const mac = (key, text) => createHmac('sha256', key).update(text).digest();
const escape = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/** Says what is wrong with the signature of a call, or nothing. */
export function checkSignature(call, { accessKey, secretKey, region, service }) {
  const m = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/.exec(call.headers.authorization ?? '');
  if (!m) return 'no AWS4-HMAC-SHA256 authorization';
  const [, id, date, where, what, signed, signature] = m;
  const time = call.headers['x-amz-date'] ?? '';
  if (id !== accessKey) return 'the security token included in the request is invalid';
  if (where !== region || what !== service) return `credential should be scoped to ${region}/${service}, not ${where}/${what}`;
  if (!/^\d{8}T\d{6}Z$/.test(time) || !time.startsWith(date)) return 'x-amz-date';
  const at = Date.UTC(time.slice(0, 4), time.slice(4, 6) - 1, time.slice(6, 8), time.slice(9, 11), time.slice(11, 13), time.slice(13, 15));
  if (Math.abs(Date.now() - at) > 300000) return 'signature expired';
  const names = signed.split(';');
  if (!names.includes('host') || !names.includes('x-amz-date')) return 'host and x-amz-date must be signed';
  if (call.headers['x-amz-security-token'] && !names.includes('x-amz-security-token')) return 'the session token must be signed';
  const [path, query = ''] = call.url.split('?');
  const canonical = [
    call.method,
    path.split('/').map(escape).join('/'), // what is encoded once in the path is encoded twice here
    query.split('&').filter(Boolean).sort().join('&'),
    ...names.map((n) => `${n}:${(call.headers[n] ?? '').trim().replace(/ +/g, ' ')}`),
    '',
    signed,
    sha(call.bytes),
  ].join('\n');
  const toSign = ['AWS4-HMAC-SHA256', time, `${date}/${where}/${what}/aws4_request`, sha(canonical)].join('\n');
  const key = [date, where, what, 'aws4_request'].reduce((k, t) => mac(k, t), `AWS4${secretKey}`);
  return mac(key, toSign).toString('hex') === signature ? null : `the request signature we calculated does not match; canonical request:\n${canonical}`;
}
