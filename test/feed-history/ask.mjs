// GraphQL over HTTP. Each failure says whether what was asked may have happened all the same.
import http from 'node:http';

const TIMEOUT_MS = 30_000;
/** After these nobody knows what became of what was asked. */
const UNKNOWN = ['BROKEN', 'INTERNAL', 'UNAVAILABLE'];
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

export class Refused extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(`${code}: ${message}`);
    this.code = code;
    this.isUnknown = UNKNOWN.includes(code);
  }
}

/**
 * @param {string} url @param {string} key @param {string} query @param {Record<string, unknown>} [variables]
 * @returns {Promise<any>} @throws {Refused}
 */
export async function ask(url, key, query, variables = {}) {
  const text = await post(url, key, JSON.stringify({ query, variables }));
  let answer;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new Refused('BROKEN', text.slice(0, 200));
  }
  const [error] = answer.errors ?? [];
  if (error) throw new Refused(error.extensions?.code ?? 'BROKEN', error.message);
  return answer.data;
}

/** @param {string} url @param {string} key @param {string} body @returns {Promise<string>} */
function post(url, key, body) {
  return new Promise((resolve, reject) => {
    const broken = (/** @type {Error} */ error) => reject(new Refused('BROKEN', error.message));
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${key}` };
    const request = http.request(url, { method: 'POST', headers, agent, timeout: TIMEOUT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => (text += chunk));
      response.on('end', () => resolve(text));
      response.on('error', broken);
      response.on('aborted', () => broken(new Error('aborted')));
    });
    request.on('error', broken);
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.end(body);
  });
}
