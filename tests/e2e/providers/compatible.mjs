// SPDX-License-Identifier: Apache-2.0
// The vendors that speak OpenAI's dialect, each with its habits: `vendors`, by the name
// that the configuration gives them.
import { any, arr, bad, bool, int, nullable, num, open, str } from './strict.mjs';
import { Refusal, event, keyed, serve } from './server.mjs';
import { answerChat, answerCompletions, answerEmbeddings, chatShape, chatUsage, refuseOpenai } from './openai.mjs';

const content = (t, where) => ({ reasoning_content: t, ...(where === 'delta' && { content: null }) });
const short = (t) => ({ reasoning: t });
/** Fields that a vendor takes beside OpenAI's. */
const sampling = { top_k: int, min_p: num, repetition_penalty: num };
const thinking = { thinking: open };
const replayed = { reasoning_content: nullable(str) };

const withoutDetails = (u) => {
  const { prompt_tokens, completion_tokens, total_tokens } = chatUsage(u);
  return { prompt_tokens, completion_tokens, total_tokens };
};
const noCache = (u) => Object.assign(u, { fresh: u.fresh + u.read + u.write, read: 0, write: 0 });
const noWrite = (u) => Object.assign(u, { fresh: u.fresh + u.write, write: 0 });
const detailed = (u) => {
  const all = chatUsage(u);
  delete all.prompt_tokens_details.cache_write_tokens;
  return all;
};

/** In a tool loop the thought of the turn must come back. */
function wantsThought(b) {
  const from = b.messages.findLastIndex((m) => m.role === 'user');
  b.messages.forEach((m, i) => {
    if (i > from && m.role === 'assistant' && m.tool_calls && b.thinking?.type === 'enabled' && !m.reasoning_content) bad(['messages', i, 'reasoning_content'], 'the reasoning_content in the thinking mode must be passed back to the API', 'missing');
  });
}
/** JSON at most, and only if the word is there. */
function noSchemas(b) {
  if (b.response_format?.type === 'json_schema') bad(['response_format', 'type'], 'This response_format type is unavailable now');
}
const asked = (b) => b.thinking?.type === 'enabled' || (b.reasoning_effort != null && b.reasoning_effort !== 'none');
const never = () => {};

const mistralContent = (t, where) => (where === 'delta' ? { content: [{ type: 'thinking', thinking: [{ type: 'text', text: t }] }] } : {});

export const vendors = {
  deepseek: {
    base: '', model: 'deepseek-chat', thinker: 'deepseek-reasoner', plain: true, reasoning: content, noSchemas: true, check: (b) => {
      noSchemas(b);
      wantsThought(b);
    }, think: (b) => b.thinking?.type === 'enabled' || /reasoner/.test(b.model) || asked(b), comment: ': keep-alive\n\n', lastUsage: (call) => ({ usage: vendors.deepseek.usage(call.usage) }), arithmetic: noWrite,
    more: thinking, assistant: { ...replayed, prefix: bool }, finish: { filter: 'content_filter' },
    usage: (u) => ({ ...withoutDetails(u), prompt_tokens_details: { cached_tokens: u.read }, completion_tokens_details: { reasoning_tokens: u.reasoning }, prompt_cache_hit_tokens: u.read, prompt_cache_miss_tokens: u.fresh }),
  },
  dashscope: { marks: true, base: '/compatible-mode/v1', model: 'qwen-plus', thinker: 'qwen3-32b', plain: true, reasoning: content, arithmetic: noWrite, usage: detailed, more: { ...sampling, enable_thinking: bool, thinking_budget: int, enable_search: bool, ...thinking }, assistant: replayed, check: never, think: (b) => b.enable_thinking === true, streamOnly: (b) => b.enable_thinking === true },
  moonshot: { base: '/v1', model: 'kimi-k2-0905-preview', thinker: 'kimi-k2-thinking', plain: true, reasoning: content, arithmetic: noWrite, more: thinking, assistant: { ...replayed, partial: bool }, usage: (u) => ({ ...withoutDetails(u), cached_tokens: u.read }), think: (b) => /thinking/.test(b.model) || asked(b), lastUsage: (call) => ({ usage: vendors.moonshot.usage(call.usage) }), check: (b) => {
    if (b.tool_choice === 'required') bad(['tool_choice'], "tool_choice 'required' is not supported");
    if (b.temperature > 1) bad(['temperature'], 'only 0 to 1 is allowed for this model');
  } },
  zai: { base: '/api/paas/v4', model: 'glm-4.6', thinker: 'glm-4.7', plain: true, reasoning: content, arithmetic: noWrite, usage: (u) => ({ ...withoutDetails(u), prompt_tokens_details: { cached_tokens: u.read } }), more: { ...thinking, request_id: str, do_sample: bool, tool_stream: bool }, assistant: replayed, check: never, think: asked, finish: { filter: 'sensitive' } },
  mistral: {
    base: '/v1', model: 'mistral-medium-latest', thinker: 'magistral-medium-latest', plain: true, idKind: '', arithmetic: noCache, usage: withoutDetails, strict: true, more: { random_seed: int, safe_prompt: bool, prompt_mode: nullable(str), tool_choice: any }, less: ['seed', 'logit_bias', 'user', 'stream_options', 'max_completion_tokens', 'store', 'service_tier', 'logprobs', 'top_logprobs', 'verbosity'], assistant: { prefix: bool, content: any }, check: (b) => {
      if (b.tool_choice === 'required') bad(['tool_choice'], "Input should be 'auto', 'none' or 'any'");
      for (const m of b.messages) for (const c of m.tool_calls ?? []) if (!/^[a-zA-Z0-9]{9}$/.test(c.id)) bad(['messages'], `tool call id was ${c.id} but must be a-z, A-Z, 0-9, with a length of 9`);
      if (b.messages.at(-1).role === 'assistant' && !b.messages.at(-1).prefix) bad(['messages'], 'expected last role User or Tool (or Assistant with prefix True) for serving but got assistant');
    }, reasoning: mistralContent, think: (b) => /magistral/.test(b.model), lastUsage: (call) => ({ usage: withoutDetails(call.usage) }), nine: true,
    refuse: (out, e) => out.json(e.path ? 422 : e.status, e.path ? { detail: [{ type: e.kind === 'unknown' ? 'extra_forbidden' : 'value_error', loc: ['body', ...e.path], msg: e.kind === 'unknown' ? 'Extra inputs are not permitted' : e.message }] } : { object: 'error', message: e.message, type: 'invalid_request_error', param: null, code: '1500' }, e.retryAfter ? { 'retry-after': '7' } : {}),
  },
  groq: { base: '/openai/v1', model: 'llama-3.3-70b-versatile', thinker: 'openai/gpt-oss-120b', plain: true, reasoning: (t, where) => ({ reasoning: t, ...(where === 'delta' && { channel: 'analysis' }) }), arithmetic: noCache, strict: true, more: { reasoning_format: str, include_reasoning: bool }, less: ['logprobs', 'top_logprobs', 'logit_bias', 'store'], assistant: { reasoning: nullable(str) }, check: (b) => {
    if (b.n > 1) bad(['n'], "'n' : number must be at most 1");
  }, think: asked, usage: (u) => ({ queue_time: 0.01, ...withoutDetails(u), prompt_time: 0.002, completion_time: 0.06, total_time: 0.062 }), always: (call) => ({ x_groq: { id: 'req_mock', usage: vendors.groq.usage(call.usage) } }), inerror: () => event({ error: { message: 'Tool call validation failed', type: 'invalid_request_error', code: 'tool_use_failed', failed_generation: '{}', status_code: 400 } }, 'error') },
  together: { base: '/v1', model: 'meta-llama/Llama-3.3-70B-Instruct-Turbo', plain: true, arithmetic: noCache, usage: withoutDetails, more: sampling, check: never, finish: { stop: 'eos' } },
  fireworks: { base: '/inference/v1', model: 'accounts/fireworks/models/llama-v3p3-70b-instruct', plain: true, arithmetic: noWrite, usage: (u) => ({ ...withoutDetails(u), prompt_tokens_details: { cached_tokens: u.read } }), more: { ...sampling, context_length_exceeded_behavior: str }, check: never, lastUsage: (call) => ({ usage: vendors.fireworks.usage(call.usage) }) },
  xai: {
    base: '/v1', model: 'grok-4', thinker: 'grok-3-mini', plain: true, reasoning: content, arithmetic: noWrite, wholeCalls: true, assistant: replayed, more: { search_parameters: open, deferred: bool }, think: asked, check: (b) => {
      if (/mini|grok-4/.test(b.model)) for (const k of ['presence_penalty', 'frequency_penalty', 'stop']) if (b[k] != null) bad([k], `argument not supported on this model: ${k}`);
    },
    usage: (u) => ({ prompt_tokens: u.fresh + u.read, completion_tokens: u.text, total_tokens: u.fresh + u.read + u.text + u.reasoning, prompt_tokens_details: { text_tokens: u.fresh + u.read, audio_tokens: 0, image_tokens: 0, cached_tokens: u.read }, completion_tokens_details: { reasoning_tokens: u.reasoning, audio_tokens: 0, accepted_prediction_tokens: 0, rejected_prediction_tokens: 0 }, num_sources_used: 0, cost_in_usd_ticks: 1330500 }),
  },
  perplexity: { base: '', model: 'sonar', plain: true, arithmetic: noCache, usage: (u) => ({ ...withoutDetails(u), search_context_size: 'low' }), tail: () => ({ citations: ['https://example.org/'] }), more: { search_domain_filter: any, web_search_options: any }, check: never, lastUsage: (call) => ({ usage: withoutDetails(call.usage), citations: ['https://example.org/'] }) },
  cerebras: { base: '/v1', model: 'gpt-oss-120b', thinker: 'gpt-oss-120b', plain: true, reasoning: short, arithmetic: noCache, usage: withoutDetails, think: asked, check: never, assistant: { reasoning: nullable(str) }, lastUsage: (call) => ({ usage: withoutDetails(call.usage), time_info: { total_time: 0.1 } }) },
  openrouter: {
    base: '/api/v1', marks: true, model: 'openai/gpt-4.1-mini', thinker: 'anthropic/claude-sonnet-4.6', plain: true, comment: ': OPENROUTER PROCESSING\n\n', check: never, think: (b) => b.reasoning !== undefined || asked(b),
    more: { ...sampling, reasoning: open, models: arr(str), provider: open, transforms: arr(str), plugins: any, route: any, usage: open, session_id: str, include_reasoning: bool }, assistant: { reasoning: nullable(str), reasoning_details: arr(open), reasoning_content: nullable(str) },
    head: { provider: 'Mock' }, choice: { native_finish_reason: 'completed' }, reasoning: (t) => ({ reasoning: t, reasoning_details: [{ type: 'reasoning.text', text: t, format: 'anthropic-claude-v1', index: 0 }] }),
    usage: (u) => ({ ...chatUsage(u), cost: 0.00123, is_byok: false, cost_details: { upstream_inference_cost: null } }),
    inerror: (call) => event({ id: call.id, provider: 'Mock', error: { code: 502, message: 'Provider returned error' }, object: 'chat.completion.chunk', created: 1790000000, model: 'x', choices: [{ index: 0, delta: { content: '' }, finish_reason: 'error' }] }),
    refuse: (out, e) => out.json(e.status, { error: { code: e.status, message: e.message, metadata: { provider_name: 'Mock', raw: '' } }, user_id: 'user_mock' }, e.retryAfter ? { 'retry-after': '7' } : {}),
  },
  vllm: { base: '/v1', model: 'Qwen/Qwen3-8B', thinker: 'Qwen/Qwen3-8B', plain: true, reasoning: short, arithmetic: noCache, usage: (u) => ({ ...withoutDetails(u), prompt_tokens_details: null }), more: { ...sampling, chat_template_kwargs: open, guided_json: any, ignore_eos: bool, priority: int }, assistant: { ...replayed, reasoning: nullable(str) }, check: never, think: (b) => b.chat_template_kwargs?.enable_thinking === true || asked(b) },
  'llama.cpp': { base: '/v1', model: 'local', plain: true, reasoning: content, arithmetic: noCache, usage: withoutDetails, assistant: replayed, tail: () => ({ timings: { prompt_n: 1 } }), more: { ...sampling, grammar: str, cache_prompt: bool }, check: never, think: asked },
};

const idOf = (how) => (how.nine ? (reply) => reply.parts.forEach((p, i) => {
  if (p.call) p.call.id = p.call.id.replace(/[^a-zA-Z0-9]/g, '').slice(0, 8) + i;
}) : never);

/** Mistral's message holds the thought among its content. */
function shapeAnswer(how) {
  if (!how.nine) return (body) => body;
  return (body, reply) => {
    const t = reply.parts.find((p) => p.thought);
    if (t) for (const c of body.choices) c.message.content = [{ type: 'thinking', thinking: [{ type: 'text', text: t.thought }] }, ...(c.message.content ? [{ type: 'text', text: c.message.content }] : [])];
    return body;
  };
}

function makeHow(name) {
  const how = { ...vendors[name] };
  const fields = { ...(how.more ?? {}) };
  const base = chatShape(fields, how.assistant ?? {});
  how.shape = (given, path) => {
    // Marks of the vendors whose models cache what they are told to.
    const b = how.marks ? JSON.parse(JSON.stringify(given, (k, v) => (k === 'cache_control' ? undefined : v))) : given;
    for (const k of how.less ?? []) if (b[k] !== undefined) bad([k], `property '${k}' is unsupported`, 'unknown');
    // Mistral has no developers, and calls its force `any`.
    base(b.tool_choice === 'any' && how.nine ? { ...b, tool_choice: 'required' } : b, path);
  };
  how.idKind = how.idKind ?? 'call_';
  how.rename = idOf(how);
  how.reshape = shapeAnswer(how);
  return how;
}

/** A vendor; plain `compatible` without a name is an honest copy of OpenAI. */
export const startCompatible = (options = {}) => {
  const vendor = options.vendor ?? 'vllm';
  const key = options.key ?? `key-of-${vendor}-0123456789`;
  const how = makeHow(vendor);
  return serve({
    kind: 'compatible', vendor, noSchemas: how.noSchemas, base: how.base, key, model: how.model, thinker: how.thinker, refuse: how.refuse ?? refuseOpenai,
    config: (url) => ({ kind: 'compatible', vendor, base_url: url, api_keys: [key], allow_private: true }),
    async answer(call, out) {
      keyed(call, 'authorization', key, 'Bearer ');
      const at = `${call.method} ${call.path.slice(how.base.length)}`;
      if (!call.path.startsWith(how.base)) throw new Refusal(404, 'path', `no such path: ${call.path}`);
      if (at === 'POST /chat/completions') return answerChat(call, out, how);
      if (at === 'POST /completions') return answerCompletions(call, out);
      if (at === 'POST /embeddings') return answerEmbeddings(call, out);
      if (at === 'GET /models') return out.json(200, { object: 'list', data: [{ id: how.model, object: 'model', created: 1, owned_by: vendor, max_model_len: 32768 }] });
      throw new Refusal(404, 'path', `no such path: ${call.path}`);
    },
  }, options);
};
