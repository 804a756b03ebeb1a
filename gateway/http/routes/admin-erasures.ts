/** `/v1/admin/erasures`: erase a visitor, a user or a whole merchant, and see how far it is. Needs an admin key. */
import type { FastifyPluginCallback } from 'fastify'
import { type MerchantId, merchantIdPattern } from '../../../core/ids.ts'
import type { Random } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { type EraseSubject, erasureView, requestErasure } from '../../core/erasure-requests.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { type Fault, faultyRequest, ProblemError } from '../../core/problem.ts'
import { adminBodyMaxBytes, requireAdmin } from './admin-access.ts'
import { queryOf } from './query-parameters.ts'

/** Erasures on one page. */
export const erasuresPerPage = 100

export interface AdminErasuresOptions {
  readonly store: Pick<ControlStore, 'merchant' | 'updateMerchant' | 'erasure' | 'erasures'>
  readonly keys: KeyDirectory
  readonly erase: EraseSubject
  readonly random: Random
}

export const adminErasuresRoutes: FastifyPluginCallback<AdminErasuresOptions> = (app, options, done) => {
  const { store, keys } = options
  requireAdmin(app, keys)

  app.post('/v1/admin/erasures', { bodyLimit: adminBodyMaxBytes }, async (request, reply) => {
    const erasure = await requestErasure(options, request.body)
    if (erasure.subject.kind === 'merchant') keys.forgetMerchant(erasure.merchant)
    reply.code(202).header('location', `/v1/admin/erasures/${erasure.id}`)
    return erasureView(erasure)
  })

  app.get('/v1/admin/erasures', async (request) => {
    const page = pageOf(queryOf(request, ['merchant', 'state', 'after']))
    // One more than a page tells whether there is another.
    const found = await store.erasures({ ...page, limit: erasuresPerPage + 1 })
    const erasures = found.slice(0, erasuresPerPage)
    const last = found.length > erasuresPerPage ? erasures.at(-1) : undefined
    return { erasures: erasures.map(erasureView), ...(last && { next: last.id }) }
  })

  app.get<{ Params: { id: string } }>('/v1/admin/erasures/:id', async ({ params }) => {
    const id = wholeNumber(params.id)
    const erasure = id === undefined ? undefined : await store.erasure(id)
    if (erasure === undefined) throw new ProblemError(404, 'not_found', 'there is no such erasure')
    return erasureView(erasure)
  })
  done()
}

type Page = Omit<Parameters<ControlStore['erasures']>[0], 'limit'>

/** @throws ProblemError 400 `bad_query` */
function pageOf({ merchant, state, after }: Partial<Record<'merchant' | 'state' | 'after', string>>): Page {
  const faults: Fault[] = []
  const fault = (pointer: string, message: string) => faults.push({ pointer, code: 'bad_query', message })
  if (merchant !== undefined && !merchantIdPattern.test(merchant)) fault('/merchant', 'merchant must be an id')
  if (state !== undefined && state !== 'open') fault('/state', 'state must be open, or left out')
  const number = after === undefined ? undefined : wholeNumber(after)
  if (after !== undefined && number === undefined) fault('/after', 'after must be the number of an erasure')
  if (faults.length > 0) throw faultyRequest(faults)
  return {
    ...(merchant !== undefined && { merchant: merchant as MerchantId }),
    ...(state !== undefined && { state: 'open' as const }),
    ...(number !== undefined && { after: number }),
  }
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
