/** Which snapshots an emission reads, and what keeps them while it does: asked and pinned through the admin API. */
import { CommandError } from '../../core/errors.ts'
import { dayMs } from '../../core/event-time.ts'
import type { Clock } from '../../core/ports/clock.ts'
import type { AcceptedRows, AcceptedTable } from '../../core/ports/rerun-work.ts'
import { emitPinDays } from '../../pipelines/runtime/emit/limits.ts'
import { type Api, type ApiReply, problemText } from '../client/api.ts'

export interface FixedSnapshots {
  readonly rows: readonly AcceptedRows[]
  /** When the snapshot of `hits` was made, ms. */
  readonly at: number
}

const tablesPath = '/v1/admin/tables'

/** `hits` at the snapshot asked for, `failed_hits` as it is read now. @throws CommandError where there is no such snapshot */
export async function findSnapshots(api: Api, asked: string): Promise<FixedSnapshots> {
  const { tables } = answerOf<{ tables: readonly { name: string; snapshot: string | null }[] }>(
    await api.get(tablesPath),
  )
  const readNow = (table: AcceptedTable) => tables.find(({ name }) => name === table)?.snapshot ?? null
  const id = asked === 'latest' ? readNow('hits') : asked
  if (id === null) throw new CommandError('hits has no snapshot yet: the first hits are not published; try again soon')
  const known = answerOf<readonly { id: string; at: string }[]>(await api.get(`${tablesPath}/hits/snapshots`))
  const found = known.find((each) => each.id === id)
  if (found === undefined) throw new CommandError(`hits has no snapshot ${id}; hitlake snapshots hits lists them`)
  const rowsOf = (table: AcceptedTable, snapshot: string | null) => ({ table, snapshot, after: 0, through: null })
  return { rows: [rowsOf('hits', id), rowsOf('failed_hits', readNow('failed_hits'))], at: Date.parse(found.at) }
}

export const pinName = (emission: string) => `emit-${emission}`

/** Again renews them. @throws CommandError with what the server says where a snapshot cannot be kept */
export async function pinSnapshots(
  { api, clock }: { readonly api: Api; readonly clock: Clock },
  emission: string,
  rows: readonly AcceptedRows[],
): Promise<void> {
  const until = new Date(clock.now() + emitPinDays * dayMs).toISOString()
  for (const { table, snapshot } of rows) {
    if (snapshot === null) continue
    const pin = { snapshot, name: pinName(emission), until, by: 'hitlake emit' }
    answerOf(await api.post(`${tablesPath}/${table}/pin`, pin, 'repeatable'))
  }
}

/** Where a pin is gone already, that is well. */
export async function unpinSnapshots(api: Api, emission: string, rows: readonly AcceptedRows[]): Promise<void> {
  for (const { table, snapshot } of rows) {
    if (snapshot === null) continue
    const reply = await api.post(`${tablesPath}/${table}/unpin`, { name: pinName(emission) }, 'repeatable')
    if (reply.status !== 404) answerOf(reply)
  }
}

/** @throws CommandError with what the server says */
export function answerOf<T>(reply: ApiReply): T {
  if (reply.status >= 300) throw new CommandError(problemText(reply))
  return reply.body as T
}
