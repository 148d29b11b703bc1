import type { ApolloServerPlugin } from '@apollo/server';

/** Answers are one caller's and are kept nowhere on their way. Apollo's own plugin says so too, and asks every field for it. */
export const noStore: ApolloServerPlugin = {
  requestDidStart: async () => ({
    willSendResponse: async ({ response }) => void response.http.headers.set('cache-control', 'no-store'),
  }),
};
