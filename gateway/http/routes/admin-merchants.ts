/** `/v1/admin/merchants`: make, list, look at and change merchants, and mint their keys. Needs an admin key. */
import type { FastifyPluginCallback } from 'fastify'
import type { Clock, Random } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { changeMerchant, createKey, createMerchant, findMerchant, merchantView } from '../../core/merchants.ts'
import { faultyRequest } from '../../core/problem.ts'
import { adminBodyMaxBytes, requireAdmin } from './admin-access.ts'
import { queryOf } from './query-parameters.ts'

export const defaultPageLimit = 100
export const pageLimitMax = 1_000

export interface AdminMerchantsOptions {
  readonly store: Pick<ControlStore, 'createMerchant' | 'updateMerchant' | 'merchant' | 'merchants' | 'addKey'>
  readonly keys: KeyDirectory
  readonly random: Random
  readonly clock: Pick<Clock, 'now'>
  /** Called after a merchant changed, so that whoever holds a copy takes the new one. */
  readonly onChanged?: (id: string) => void
}

export const adminMerchantsRoutes: FastifyPluginCallback<AdminMerchantsOptions> = (app, options, done) => {
  const { store, keys, random, clock, onChanged } = options
  requireAdmin(app, keys)
  const limits = { bodyLimit: adminBodyMaxBytes }

  app.post('/v1/admin/merchants', limits, async (request, reply) => {
    const { merchant, writeKey, readKey } = await createMerchant(store, random, request.body)
    const { id, name, timeZone, currency } = merchant
    reply.code(201).header('location', `/v1/admin/merchants/${id}`)
    return { id, name, timeZone, currency, writeKey, readKey }
  })

  app.get('/v1/admin/merchants', async (request) => {
    const query = queryOf(request, ['after', 'limit'])
    const limit = pageLimit(query.limit)
    // One more than asked tells whether there is another page.
    const found = await store.merchants({ ...(query.after !== undefined && { after: query.after }), limit: limit + 1 })
    const page = found.slice(0, limit)
    const last = found.length > limit ? page.at(-1) : undefined
    return { merchants: page.map(merchantView), ...(last && { next: last.id }) }
  })

  app.get<{ Params: { id: string } }>('/v1/admin/merchants/:id', async ({ params }) =>
    merchantView(await findMerchant(store, params.id)),
  )

  app.patch<{ Params: { id: string } }>('/v1/admin/merchants/:id', limits, async ({ params, body }) => {
    const changed = await changeMerchant(store, clock, params.id, body)
    keys.forgetMerchant(changed.id)
    onChanged?.(changed.id)
    return merchantView(changed)
  })

  app.post<{ Params: { id: string } }>('/v1/admin/merchants/:id/keys', limits, async ({ params, body }, reply) => {
    const key = await createKey(store, random, params.id, body)
    reply.code(201)
    return key
  })
  done()
}

function pageLimit(text: string | undefined): number {
  if (text === undefined) return defaultPageLimit
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= pageLimitMax) return limit
  const message = `limit must be a whole number from 1 to ${pageLimitMax}`
  throw faultyRequest([{ pointer: '/limit', code: 'bad_query', message }])
}
