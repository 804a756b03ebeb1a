/** `/v1/admin/imports/{merchant}/{file}`: lines of a file, stored once each; `hitlake import` is its client. */
import type { FastifyPluginCallback } from 'fastify'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import { filePattern, type Imports } from '../../core/imports.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { findMerchant } from '../../core/merchants.ts'
import { ProblemError } from '../../core/problem.ts'
import { requireAdmin } from './admin-access.ts'

/** A thousand lines of an access log take about half a megabyte. */
export const importBodyMaxBytes = 4 * 1_024 * 1_024

export interface AdminImportsOptions {
  readonly imports: Imports
  readonly keys: KeyDirectory
  readonly store: Pick<ControlStore, 'merchant'>
}

interface Route {
  Params: { merchant: string; file: string }
}

export const adminImportsRoutes: FastifyPluginCallback<AdminImportsOptions> = (app, options, done) => {
  const { imports, keys, store } = options
  requireAdmin(app, keys)

  app.get<Route>('/v1/admin/imports/:merchant/:file', async ({ params }) => {
    const merchant = await findMerchant(store, params.merchant)
    const progress = await imports.progress(merchant.id, fileOf(params.file))
    return { done: progress?.done ?? 0 }
  })

  app.post<Route>('/v1/admin/imports/:merchant/:file', { bodyLimit: importBodyMaxBytes }, async ({ params, body }) => {
    const merchant = await findMerchant(store, params.merchant)
    return imports.store(merchant, fileOf(params.file), body)
  })
  done()
}

function fileOf(text: string): string {
  if (filePattern.test(text)) return text
  throw new ProblemError(404, 'not_found', 'a file is named by 16 to 64 hex digits of its SHA-256')
}
