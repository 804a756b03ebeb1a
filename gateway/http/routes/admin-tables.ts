/** `GET /v1/admin/tables/{table}/snapshots`: what can be read again, newest first. Needs an admin key. */
import type { FastifyPluginCallback } from 'fastify'
import type { LakeReader } from '../../../core/ports/lake.ts'
import type { TableName } from '../../../core/tables.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { ProblemError } from '../../core/problem.ts'
import { requireAdmin } from './admin-access.ts'

export interface AdminTablesOptions {
  readonly lake: Pick<LakeReader, 'snapshots'>
  readonly tables: readonly TableName[]
  readonly keys: KeyDirectory
}

export const adminTablesRoutes: FastifyPluginCallback<AdminTablesOptions> = (app, { lake, tables, keys }, done) => {
  requireAdmin(app, keys)
  app.get<{ Params: { table: string } }>('/v1/admin/tables/:table/snapshots', async ({ params }) => {
    const table = tables.find((each) => each === params.table)
    if (table === undefined) {
      throw new ProblemError(404, 'not_found', `there is no such table; there are ${tables.join(', ')}`, {
        allowed: tables,
      })
    }
    const snapshots = await lake.snapshots(table)
    return snapshots.map((snapshot) => ({
      id: snapshot.id,
      at: new Date(snapshot.at).toISOString(),
      rows: snapshot.totalRows,
      operation: snapshot.operation,
      pinnedBy: [],
    }))
  })
  done()
}
