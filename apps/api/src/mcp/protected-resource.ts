import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { McpOptions } from './index.js';

/** Where RFC 9728 has the metadata of the resource /mcp; some programs ask at the root alone. */
const ROOT = '/.well-known/oauth-protected-resource';
const WELL_KNOWN = `${ROOT}/mcp`;

type Place = Pick<McpOptions, 'publicUrl'>;

/** What a program needs to know before it has a credential. Without an identity provider there is none to name: keys are given by an admin. */
export function serveMetadata(
  fastify: FastifyInstance,
  { publicUrl, issuer }: Place & Pick<McpOptions, 'issuer'>,
): void {
  const answer = (request: FastifyRequest) => ({
    resource: `${originOf(request, { publicUrl })}/mcp`,
    resource_name: 'Commonplace',
    bearer_methods_supported: ['header'],
    ...(issuer !== undefined && { authorization_servers: [issuer] }),
  });
  for (const path of [ROOT, WELL_KNOWN]) fastify.get(path, (request) => answer(request));
}

/** The value of WWW-Authenticate. @param refused whether there was a credential that was not taken */
export function challenge(request: FastifyRequest, place: Place, refused: boolean): string {
  const error = refused ? 'error="invalid_token", ' : '';
  return `Bearer ${error}resource_metadata="${originOf(request, place)}${WELL_KNOWN}"`;
}

function originOf({ protocol, host }: FastifyRequest, { publicUrl }: Place): string {
  const said = publicUrl ?? `${protocol}://${host}`;
  return URL.canParse(said) ? new URL(said).origin : 'http://localhost';
}
