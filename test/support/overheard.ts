import { TestClient, type Answer } from './api.js';

/** Hears every answer as it was sent. */
export class Overheard extends TestClient {
  heard = '';

  override async send(query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
    const answer = await super.send(query, variables);
    this.heard += JSON.stringify(answer);
    return answer;
  }
}
