/** `GET /v1/admin/books?merchant&from&to`: whether every accepted hit is accounted for. Needs an admin key. */
import type { FastifyPluginCallback } from 'fastify'
import { type MerchantId, merchantIdPattern } from '../../../core/ids.ts'
import { type BooksOptions, booksRange, readBooks } from '../../core/books.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { faultyRequest } from '../../core/problem.ts'
import { requireAdmin } from './admin-access.ts'
import { queryOf } from './query-parameters.ts'

export interface AdminBooksOptions extends BooksOptions {
  readonly keys: KeyDirectory
}

export const adminBooksRoutes: FastifyPluginCallback<AdminBooksOptions> = (app, options, done) => {
  requireAdmin(app, options.keys)
  app.get('/v1/admin/books', async (request) => {
    const { merchant, from, to } = queryOf(request, ['merchant', 'from', 'to'])
    const range = booksRange(from, to)
    if (merchant === undefined) return readBooks(options, range)
    if (!merchantIdPattern.test(merchant)) {
      throw faultyRequest([{ pointer: '/merchant', code: 'bad_query', message: 'merchant is not a merchant id' }])
    }
    return readBooks(options, { ...range, merchant: merchant as MerchantId })
  })
  done()
}
