/**
 * `/v1/admin/tables`: what can be read again, what is kept, and what maintenance does about it. All of it needs an admin key.
 * Where another process does the maintenance, its routes are not there.
 */
import type { FastifyPluginCallback } from 'fastify'
import { SnapshotNotFoundError } from '../../../core/errors.ts'
import type { Clock } from '../../../core/ports/clock.ts'
import type { ControlStore } from '../../../core/ports/control-store.ts'
import type { LakeReader, LakeUpkeep } from '../../../core/ports/lake.ts'
import type { PinOutcome } from '../../../core/ports/maintenance-store.ts'
import { pinsPerTableMax } from '../../../core/ports/maintenance-store.ts'
import type { TableName } from '../../../core/tables.ts'
import type { KeyDirectory } from '../../core/keys.ts'
import { faultyRequest, ProblemError } from '../../core/problem.ts'
import {
  changesQuery,
  compactRequest,
  newPin,
  parseTableRequest as parseBody,
  pinToRemove,
  removalRequest,
  rollbackRequest,
} from '../../core/table-requests.ts'
import { requireAdmin } from './admin-access.ts'

export interface AdminTablesOptions {
  readonly lake: Pick<LakeReader, 'snapshots'>
  readonly tables: readonly TableName[]
  readonly clock: Pick<Clock, 'now'>
  readonly keys: KeyDirectory
  readonly store: Pick<ControlStore, 'pins' | 'pinSnapshot' | 'unpinSnapshot' | 'tableView'>
  /** Left out where another process does the maintenance. */
  readonly upkeep?: LakeUpkeep
}

interface Route {
  Params: { table: string }
}

export const adminTablesRoutes: FastifyPluginCallback<AdminTablesOptions> = (app, options, done) => {
  const { lake, tables, keys, store, clock, upkeep } = options
  requireAdmin(app, keys)

  const tableOf = (text: string): TableName => {
    const table = tables.find((each) => each === text)
    if (table !== undefined) return table
    const detail = `there is no such table; there are ${tables.join(', ')}`
    throw new ProblemError(404, 'not_found', detail, { allowed: tables })
  }
  const pinView = ({ name, snapshot, until, by }: Awaited<ReturnType<ControlStore['pins']>>[number]) => ({
    name,
    snapshot,
    until: new Date(until).toISOString(),
    by,
  })

  app.get('/v1/admin/tables', async () => {
    const all = tables.map(async (name) => {
      const [view, pins] = await Promise.all([store.tableView(name), store.pins(name)])
      return { name, snapshot: view.snapshot, pendingFiles: view.pending.length, pins: pins.map(pinView) }
    })
    return { tables: await Promise.all(all) }
  })

  app.get<Route>('/v1/admin/tables/:table/snapshots', async ({ params }) => {
    const table = tableOf(params.table)
    const [snapshots, pins] = await Promise.all([lake.snapshots(table), store.pins(table)])
    return snapshots.map((snapshot) => ({
      id: snapshot.id,
      at: new Date(snapshot.at).toISOString(),
      rows: snapshot.totalRows,
      operation: snapshot.operation,
      parent: snapshot.parent,
      publish: snapshot.publish,
      addedRows: snapshot.addedRows,
      pinnedBy: pins.flatMap((pin) => (pin.snapshot === snapshot.id ? [pin.name] : [])),
    }))
  })

  app.post<Route>('/v1/admin/tables/:table/pin', async ({ params, body }, reply) => {
    const table = tableOf(params.table)
    const { until, ...asked } = parseBody(newPin, body)
    const pin = { ...asked, table, until: Date.parse(until) }
    if (pin.until <= clock.now()) throw pinIsOver()
    const outcome = await store.pinSnapshot(pin)
    if (outcome !== 'pinned') throw new ProblemError(409, 'pin_refused', refusals[outcome])
    // Asked after: from the pin on no expiry takes it.
    if (!(await lake.snapshots(table)).some(({ id }) => id === pin.snapshot)) {
      await store.unpinSnapshot(table, pin.name)
      throw new ProblemError(404, 'not_found', `${table} has no snapshot ${pin.snapshot}`)
    }
    await upkeep?.pinned(table)
    reply.code(201)
    return pinView(pin)
  })

  app.post<Route>('/v1/admin/tables/:table/unpin', async ({ params, body }) => {
    const table = tableOf(params.table)
    const { name } = parseBody(pinToRemove, body)
    if (await store.unpinSnapshot(table, name)) {
      await upkeep?.pinned(table)
      return { name }
    }
    throw new ProblemError(404, 'not_found', `${table} has no pin ${name}`)
  })

  if (upkeep !== undefined) upkeepRoutes(upkeep)
  done()

  function upkeepRoutes(upkeep: LakeUpkeep): void {
    app.get<Route>('/v1/admin/tables/:table/partitions', async ({ params }) => ({
      partitions: await upkeep.partitions(tableOf(params.table)),
    }))
    app.get<Route>('/v1/admin/tables/:table/faults', async ({ params }) => ({
      faults: await upkeep.verify(tableOf(params.table)),
    }))
    app.post<Route>('/v1/admin/tables/:table/expire', async ({ params, body }) => {
      const table = tableOf(params.table)
      const mode = parseBody(removalRequest, body ?? {}).dryRun ? 'dry run' : 'remove'
      const expired = await upkeep.expire(table, mode)
      const orphans = await upkeep.removeOrphans(table, mode)
      return { expired, orphans }
    })
    app.post<Route>('/v1/admin/tables/:table/compact', async ({ params, body }) => {
      const table = tableOf(params.table)
      const mode = parseBody(compactRequest, body ?? {}).dryRun ? 'dry run' : 'rewrite'
      const of = await upkeep.compact(table, mode)
      return { compacted: of && { partitions: of.length, of } }
    })
    app.post<Route>('/v1/admin/tables/:table/rollback', async ({ params, body }) => {
      const table = tableOf(params.table)
      const { snapshot, dryRun } = parseBody(rollbackRequest, body)
      const rolledBack = await found(upkeep.rollback(table, snapshot, dryRun ? 'dry run' : 'roll back'))
      return { rolledBack }
    })
    app.get<Route>('/v1/admin/tables/:table/changes', async ({ params, query }) => {
      const table = tableOf(params.table)
      const { from, to } = parseBody(changesQuery, query)
      return { changes: await found(upkeep.changes(table, from, to)) }
    })
  }
}

/** @throws ProblemError where the table has no such snapshot */
async function found<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof SnapshotNotFoundError) throw new ProblemError(404, 'not_found', error.message)
    throw error
  }
}

function pinIsOver(): ProblemError {
  return faultyRequest([{ pointer: '/until', code: 'bad_field', message: '/until: must lie in the future' }])
}

const refusals: Readonly<Record<Exclude<PinOutcome, 'pinned'>, string>> = {
  'name taken': 'the name pins another snapshot of the table; choose another, or unpin it first',
  'too many': `the table has ${pinsPerTableMax} pins; unpin one`,
  expiring: 'the snapshot is being removed; pin a newer one',
}
