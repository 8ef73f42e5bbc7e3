// SPDX-License-Identifier: Apache-2.0
// Azure OpenAI: the deployment is in the path, the version in the query, and every answer
// says what its content filter thought.
import { Refusal, event, keyed, serve } from './server.mjs';
import { answerChat, answerEmbeddings, refuseOpenai } from './openai.mjs';
import { answerResponses, responsesShape } from './responses.mjs';

const calm = { hate: { filtered: false, severity: 'safe' }, self_harm: { filtered: false, severity: 'safe' }, sexual: { filtered: false, severity: 'safe' }, violence: { filtered: false, severity: 'safe' } };
const prompt_filter_results = [{ prompt_index: 0, content_filter_results: calm }];

const how = {
  choice: { content_filter_results: calm },
  tail: () => ({ prompt_filter_results }),
  prologue: () => [event({ choices: [], created: 0, id: '', model: '', object: '', prompt_filter_results })],
  answeredModel: () => 'gpt-4.1-mini-2025-04-14',
  headers: { 'apim-request-id': 'mock', 'x-ms-region': 'Sweden Central' },
};

function refuse(out, e, call) {
  if (e.code === 'filter') return out.json(400, { error: { message: 'The response was filtered due to the prompt triggering our content management policy.', type: null, param: 'prompt', code: 'content_filter', status: 400, innererror: { code: 'ResponsibleAIPolicyViolation', content_filter_result: { ...calm, violence: { filtered: true, severity: 'high' } } } } });
  if (e.status === 404) return out.json(404, { error: { code: 'DeploymentNotFound', message: 'The API deployment for this resource does not exist.' } });
  if (e.status === 401) return out.json(401, { error: { code: '401', message: 'Access denied due to invalid subscription key or wrong API endpoint.' } });
  return refuseOpenai(out, e, call);
}

export const startAzure = (options = {}) => {
  const key = options.key ?? 'azure-mock-0123456789abcdef';
  const version = '2024-10-21';
  return serve({
    kind: 'azure', base: '', key, model: 'our-gpt', thinker: 'our-thinker', refuse,
    config: (url) => ({ kind: 'azure', base_url: url, api_version: version, api_keys: [key], allow_private: true }),
    async answer(call, out) {
      keyed(call, 'api-key', key);
      if (call.query.get('api-version') !== version) throw new Refusal(404, 'version', 'Resource not found');
      if (call.method === 'POST' && call.path === '/openai/responses') {
        // Here the body names the deployment.
        if (!/^our-/.test(call.body.model)) throw new Refusal(404, 'model', 'Resource not found');
        call.body.model = call.body.model === 'our-thinker' ? 'gpt-5.4' : 'gpt-4.1-mini';
        return answerResponses(call, out, { shape: responsesShape });
      }
      const m = /^\/openai\/deployments\/([^/]+)\/(chat\/completions|embeddings)$/.exec(call.path);
      if (!m || call.method !== 'POST' || !/^our-/.test(m[1])) throw new Refusal(404, 'path', 'Resource not found');
      // The name in the body is not looked at; what the deployment is decides.
      call.body = { ...call.body, model: m[1] === 'our-thinker' ? 'gpt-5.4' : m[1] === 'our-embedding' ? 'text-embedding-3-small' : 'gpt-4.1-mini' };
      if (m[2] === 'embeddings') return answerEmbeddings(call, out);
      if (/#filtered/.test(call.bytes)) throw new Refusal(400, 'filter', 'filtered');
      return answerChat(call, out, how);
    },
  }, options);
};
