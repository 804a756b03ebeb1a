/** Who may use the admin API: holders of a key with the right `admin`, and nobody else, before any body is read. */
import type { FastifyInstance } from 'fastify'
import { authorizeKey, bearerKey, type KeyDirectory } from '../../core/keys.ts'

/** Larger bodies of admin requests are 413 `body_too_large`: the longest list of blocked names fits four times. */
export const adminBodyMaxBytes = 512 * 1_024

/** Puts the check before every route of `app` that is registered after it. */
export function requireAdmin(app: FastifyInstance, keys: KeyDirectory): void {
  app.addHook('onRequest', async (request) => {
    await authorizeKey(keys, bearerKey(request.headers.authorization), 'admin')
  })
}
