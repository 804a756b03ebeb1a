/** `hitlake lake …`: what the lake holds and keeps, asked and changed through the admin API of a server. */
import { CommandError } from '../../core/errors.ts'
import { dayMs } from '../../core/event-time.ts'
import { type Clock, sleep, type Timers } from '../../core/ports/clock.ts'
import { type Api, type ApiReply, problemText } from '../client/api.ts'
import { createProgress } from '../client/progress.ts'
import type { Terminal } from '../client/terminal.ts'
import { tableLines } from '../query/table.ts'
import {
  bytesText,
  type Change,
  commitsBetween,
  diffLines,
  type PartitionPlace,
  placeOf,
  type RolledBack,
  rollbackLines,
  type Snapshot,
} from './lake-text.ts'

export interface LakeContext {
  readonly api: Api
  readonly terminal: Terminal
  readonly clock: Clock
  readonly timers: Timers
  /** The result as JSON, for a program. */
  readonly form: 'text' | 'json'
}

/** How often a command that waits looks how far its work is. */
const progressEveryMs = 2_000

/** Characters, however narrow the terminal: ids are what other commands take, so they are shown whole. */
const tableMinWidth = 200

type Row = readonly string[]

const tablesPath = '/v1/admin/tables'
const pathOf = (table: string, what: string) => `${tablesPath}/${encodeURIComponent(table)}/${what}`

export async function lakeTables(context: LakeContext): Promise<0> {
  const { tables } = await get<{ tables: readonly TableView[] }>(context, tablesPath)
  const rows = tables.map(({ name, snapshot, pendingFiles, pins }) => [
    name,
    snapshot ?? '-',
    pins.map((pin) => pin.name).join(' '),
    String(pendingFiles),
  ])
  return show(context, { tables }, ['table', 'read now', 'pins', 'pending files'], rows, 3)
}

/** `history`: the same, with parents and what each added. */
export async function lakeSnapshots(context: LakeContext, table: string, as: 'snapshots' | 'history'): Promise<0> {
  const snapshots = await get<readonly Snapshot[]>(context, pathOf(table, 'snapshots'))
  const isHistory = as === 'history'
  const header = ['at', 'id', 'operation', ...(isHistory ? ['parent', 'publication'] : ['pinned by']), 'rows', 'added']
  const rows = snapshots.map(({ at, id, operation, parent, publish, pinnedBy, rows, addedRows }) => [
    at,
    id,
    operation,
    ...(isHistory ? [parent ?? '-', publish === null ? '-' : String(publish)] : [pinnedBy.join(' ')]),
    String(rows),
    String(addedRows),
  ])
  return show(context, { snapshots }, header, rows, isHistory ? 5 : 4)
}

export async function lakeFiles(context: LakeContext, table: string): Promise<0> {
  const { partitions } = await get<{ partitions: readonly Partition[] }>(context, pathOf(table, 'partitions'))
  return show(context, { partitions }, partitionHeader, partitions.map(partitionRow), 2)
}

/** What differs from `from` to `to`, partition by partition, and which commits lie between. */
export async function lakeDiff(context: LakeContext, table: string, from: string, to: string): Promise<0> {
  const path = `${pathOf(table, 'changes')}?from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`
  const { changes } = await get<{ changes: readonly Change[] }>(context, path)
  const snapshots = await get<readonly Snapshot[]>(context, pathOf(table, 'snapshots'))
  const between = commitsBetween(snapshots, from, to)
  if (context.form === 'text') for (const line of diffLines(changes, between)) context.terminal.out(line)
  const header = ['generation', 'period', 'rows added', 'rows removed', 'files added', 'files removed']
  const rows = changes.map(({ partition, added, removed }) => [
    ...placeOf(partition),
    ...[added.rows, removed.rows, added.files, removed.files].map(String),
  ])
  if (context.form === 'text' && rows.length === 0) return 0
  return show(context, { changes, snapshots: between }, header, rows, 2)
}

/** `ask`: as a dry run, and how to do it. 1 where nothing was rolled back that should be. */
export async function lakeRollback(
  context: LakeContext,
  table: string,
  snapshot: string,
  mode: 'roll back' | 'dry run' | 'ask',
): Promise<0 | 1> {
  const body = { snapshot, dryRun: mode !== 'roll back' }
  const answer = await post<{ rolledBack: RolledBack | null }>(context, pathOf(table, 'rollback'), body)
  const { rolledBack } = answer
  if (context.form === 'json') context.terminal.out(JSON.stringify(answer))
  else for (const line of rollbackLines(table, snapshot, rolledBack, mode)) context.terminal.out(line)
  return rolledBack === null || (mode === 'ask' && rolledBack.undone.length > 0) ? 1 : 0
}

export async function lakePin(
  context: LakeContext,
  table: string,
  snapshot: string,
  options: { readonly name?: string; readonly days: number; readonly by: string },
): Promise<0> {
  const until = new Date(context.clock.now() + options.days * dayMs).toISOString()
  const body = { snapshot, name: options.name ?? `pin-${snapshot}`, until, by: options.by }
  const pin = await post<{ name: string; until: string }>(context, pathOf(table, 'pin'), body)
  return say(context, pin, `${snapshot} of ${table} is kept until ${pin.until}, as ${pin.name}`)
}

export async function lakeUnpin(context: LakeContext, table: string, name: string): Promise<0> {
  const gone = await post(context, pathOf(table, 'unpin'), { name })
  return say(context, gone, `the pin ${name} of ${table} is gone`)
}

export async function lakeExpire(context: LakeContext, table: string, mode: 'remove' | 'dry run'): Promise<0 | 1> {
  const answer = await post<Expired>(context, pathOf(table, 'expire'), { dryRun: mode === 'dry run' })
  if (context.form === 'json') context.terminal.out(JSON.stringify(answer))
  else {
    const verb = mode === 'dry run' ? 'would go' : 'went'
    const { expired, orphans } = answer
    const later =
      'cannot go now: something is under way, or readers may still read what they left; try again in 20 minutes'
    const files = (of: Removal) => `${of.files} files (${bytesText(of.bytes)})`
    context.terminal.out(
      expired === null ? `snapshots ${later}` : `${expired.snapshots.length} snapshots and ${files(expired)} ${verb}`,
    )
    context.terminal.out(orphans === null ? `orphans ${later}` : `${files(orphans)} that nothing names ${verb}`)
  }
  return answer.expired === null ? 1 : 0
}

export async function lakeCompact(context: LakeContext, table: string, mode: 'rewrite' | 'dry run'): Promise<0 | 1> {
  const body = { dryRun: mode === 'dry run' }
  const path = pathOf(table, 'compact')
  const work = () => post<{ compacted: Compacted | null }>(context, path, body)
  const answer = mode === 'dry run' ? await work() : await compactWatched(context, table, work)
  const { compacted } = answer
  if (context.form === 'json') context.terminal.out(JSON.stringify(answer))
  else if (compacted === null) context.terminal.out('another process does the maintenance now; try again later')
  else {
    const files = compacted.of.reduce((sum, partition) => sum + partition.files, 0)
    const verb = mode === 'dry run' ? 'would become' : 'became'
    const { partitions } = compacted
    context.terminal.out(
      `${partitions} partitions: ${files} files ${verb} ${partitions}; the others have too few files to be worth it`,
    )
    if (partitions > 0) show(context, {}, partitionHeader, compacted.of.map(partitionRow), 2)
  }
  return compacted === null ? 1 : 0
}

/** Says how far it is, by looking at the partitions it set out with. */
async function compactWatched<T>(context: LakeContext, table: string, work: () => Promise<T>): Promise<T> {
  const { clock, timers, terminal } = context
  const would = await post<{ compacted: Compacted | null }>(context, pathOf(table, 'compact'), { dryRun: true })
  const worth = would.compacted?.of ?? []
  if (worth.length === 0) return work()
  const progress = createProgress({ out: terminal.progress, clock, what: 'partitions', total: worth.length })
  const working = work()
  let isDone = false
  const ended = working.then(
    () => {
      isDone = true
    },
    () => {
      isDone = true
    },
  )
  while (!isDone) {
    await Promise.race([ended, sleep(timers, progressEveryMs)])
    const { partitions } = await get<{ partitions: readonly Partition[] }>(context, pathOf(table, 'partitions'))
    const left = worth.filter(({ generation, period, files }) =>
      partitions.some((now) => now.generation === generation && now.period === period && now.files >= files),
    )
    progress.at(worth.length - left.length)
  }
  progress.end()
  return working
}

/** 1 where something must be mended. */
export async function lakeDoctor(context: LakeContext): Promise<0 | 1> {
  const { tables } = await get<{ tables: readonly TableView[] }>(context, tablesPath)
  const found = []
  for (const { name, snapshot } of tables) {
    const { faults } = await get<{ faults: readonly Fault[] }>(context, pathOf(name, 'faults'))
    const snapshots = await get<readonly Snapshot[]>(context, pathOf(name, 'snapshots'))
    const isLost = snapshot !== null && !snapshots.some(({ id }) => id === snapshot)
    const lost = {
      at: 'control store',
      says: `readers read snapshot ${snapshot}, which the table lacks`,
      mend: 'control store and lake are of different times: bring both back from one copy',
    }
    found.push({ table: name, faults: isLost ? [lost, ...faults] : faults })
  }
  if (context.form === 'json') context.terminal.out(JSON.stringify({ tables: found }))
  for (const { table, faults } of context.form === 'json' ? [] : found) {
    context.terminal.out(faults.length === 0 ? `✓ ${table}` : `✗ ${table}: ${faults.length} faults`)
    for (const { at, says, mend } of faults) context.terminal.out(`    ${at}: ${says}\n        ${mend}`)
  }
  return found.some(({ faults }) => faults.length > 0) ? 1 : 0
}

interface TableView {
  readonly name: string
  readonly snapshot: string | null
  readonly pendingFiles: number
  readonly pins: readonly { readonly name: string }[]
}

interface Partition extends PartitionPlace {
  readonly files: number
  readonly rows: number
  readonly bytes: number
}

interface Compacted {
  readonly partitions: number
  readonly of: readonly Partition[]
}

interface Removal {
  readonly snapshots: readonly string[]
  readonly files: number
  readonly bytes: number
}

interface Expired {
  readonly expired: Removal | null
  readonly orphans: Removal | null
}

interface Fault {
  readonly at: string
  readonly says: string
  readonly mend: string
}

const partitionHeader = ['generation', 'period', 'files', 'rows', 'size']

function partitionRow(partition: Partition): Row {
  const { files, rows, bytes } = partition
  return [...placeOf(partition), String(files), String(rows), bytesText(bytes)]
}

async function get<T>({ api }: LakeContext, path: string): Promise<T> {
  return bodyOf(await api.get(path))
}

async function post<T>({ api }: LakeContext, path: string, body: object): Promise<T> {
  return bodyOf(await api.post(path, body, 'repeatable'))
}

/** @throws CommandError with what the server says */
function bodyOf<T>(reply: ApiReply): T {
  if (reply.status >= 300) throw new CommandError(problemText(reply))
  return reply.body as T
}

function show(
  { form, terminal }: LakeContext,
  json: object,
  header: Row,
  rows: readonly Row[],
  textColumns: number,
): 0 {
  if (form === 'json') terminal.out(JSON.stringify(json))
  else {
    const width = Math.max(terminal.width, tableMinWidth)
    for (const line of tableLines(header, rows, { textColumns, width })) terminal.out(line)
  }
  return 0
}

function say({ form, terminal }: LakeContext, json: unknown, line: string): 0 {
  terminal.out(form === 'json' ? JSON.stringify(json) : line)
  return 0
}
