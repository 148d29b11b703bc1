import { Agent, request } from 'node:http';

const MOST_CLIENTS = 64;

/** Over connections that stay open; node:http, since fetch costs the machine more than the broker does. */
export class JsonPoster {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: MOST_CLIENTS });

  constructor(
    private readonly url: string,
    private readonly headers: Record<string, string>,
  ) {}

  post<Answer>(message: object): Promise<Answer> {
    const body = JSON.stringify(message);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      ...this.headers,
    };
    return new Promise((resolve, reject) => {
      const outgoing = request(this.url, { method: 'POST', agent: this.agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () => resolve(JSON.parse(text) as Answer));
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
